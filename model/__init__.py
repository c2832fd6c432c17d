"""Values and enums that more than one room uses; knows no other room."""
