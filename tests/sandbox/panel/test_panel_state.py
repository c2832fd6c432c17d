from sandbox.demo_setup import DemoSetup
from sandbox.panel import Panel
from sandbox.pixverse_api import timelines


async def test_a_job_starts_when_a_person_asks_for_it_and_not_by_api_traffic(setup: DemoSetup) -> None:
    async with Panel.open(setup) as panel:
        job = setup.pixverse.add_job(setup.account)
        panel.state.play_once_asked(job, timelines.completed(40))
        panel.state.speed = 4.0
        setup.ben.send(setup.channel, job.jobid)  # no command
        await setup.discord.until(setup.channel.messages)
        assert job.coming == []
        setup.discord.world.emit("INTERACTION_CREATE", {"data": {"options": [{"value": f" {job.jobid} "}]}})
        await setup.discord.until(lambda: job.coming)
        assert job.coming[-1].status == "completed"
        assert job.coming[-1].at - job.created < 11_000
