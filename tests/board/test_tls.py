"""mqtts:// by a board's own mbedTLS, and a board that does not know the time."""
from board_test import BoardTest, actor_pod, main, wait_until


class Tls(BoardTest):
    def test_the_main_job(self):
        self.use_tls()
        self.device.wait_up()
        self.assertEqual(self.device.status()["link"]["tls"], "TLSv1.2")
        self.deploy(actor_pod("sampler", "sample", "50", "100", image=self.push_actor()))
        wait_until("50 rows", 30, lambda: self.world.rows() >= 50)
        # The session is in memory: another agent begins anew, the same one resumes.
        self.world.stop_broker()
        wait_until("it is down", 60, lambda: not self.device.status()["link"]["up"])
        self.world.start_broker()
        self.device.wait_up()

    def test_a_board_that_does_not_know_the_time(self):
        now = self.board.check("date +%s").strip()
        self.board.check("date -s @100")
        self.use_tls()
        self.device.wait_up()
        # The right time changes nothing, a wrong one cannot be told from right.
        self.board.check(f"date -s @{now}; sleep 12")
        self.assertTrue(self.device.status()["link"]["up"])

    def test_dates_that_were_forgiven_are_looked_at_when_the_clock_is_set(self):
        self.board.check("date -s @100")
        self.use_tls()
        self.device.wait_up()
        self.board.check("date -s @2145000000")
        wait_until("it is down", 30, lambda: not self.device.status()["link"]["up"])
        wait_until("it says why", 30, lambda: "has expired" in self.device.status()["link"]["why"])
        self.assertIn("this clock says 2037-12-", self.device.log())


class TlsOnArmv7(Tls):
    board_name = "qemu-armv7"
    options = {"memory": 64}


if __name__ == "__main__":
    main()
