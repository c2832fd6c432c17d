from sandbox.panel import Panel
from sandbox.pixverse_api import timelines
from sandbox.stage import Stage


async def test_a_job_starts_when_a_person_asks_for_it_and_not_by_api_traffic(stage: Stage) -> None:
    async with Panel.open(stage) as panel:
        job = stage.pixverse.add_job(stage.account)
        panel.state.play_once_asked(job, timelines.completed(40))
        panel.state.speed = 4.0
        stage.ben.send(stage.channel, job.jobid)  # no command
        await stage.discord.until(stage.channel.messages)
        assert job.coming == []
        stage.discord.world.emit("INTERACTION_CREATE", {"data": {"options": [{"value": f" {job.jobid} "}]}})
        await stage.discord.until(lambda: job.coming)
        assert job.coming[-1].status == "completed"
        assert job.coming[-1].at - job.created < 11_000
