"""Several real bots at one Discord and one PixVerse, each a process of its own."""
