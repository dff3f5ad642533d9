"""Power cuts at random instants, on a card whose cache is volatile, reordering and tearing.

A killed emulator alone cannot show a missing flush: the host keeps what it wrote.
tests/board/card.py loses what was not flushed; that it does is shown too.
"""
import os
import random
import time
import unittest

from board import PATIENCE, Board, Card, facts_of, make_disk, make_program_disk
from board_test import main
from skerry_test import World

CUTS = int(os.environ.get("SKERRY_CUTS", "50"))  # for each of the two cards
LIES = 3
MOUNT = ("blockdev --flushbufs /dev/vdb; mount -o ro /dev/vda /skerry && "
         "mount /dev/vdb /data || exit 9\n")


class Power(unittest.TestCase):
    def setUp(self):
        self.world = World()  # for its folder and its end
        self.addCleanup(self.world.close)
        self.folder = self.world.folder
        self.programs = make_program_disk(os.path.join(self.folder, "programs"),
                                          facts_of("qemu-arm64")["architecture"], tests=True)
        self.flash = make_disk(os.path.join(self.folder, "flash"), 64)
        self.chance = random.Random(7)
        self.state = None
        self.card = None

    def power_on(self, cut):
        """A board that is up and has mounted nothing; saved the first time, restored then."""
        self.card = Card(self.flash, cut, self.chance.getrandbits(30))
        self.addCleanup(self.card.close)
        board = Board("qemu-arm64", self.folder, programs=self.programs, flash=self.card.url,
                      network=False)
        self.addCleanup(board.close)
        if self.state:
            return board.power_on(restore=self.state)
        board.power_on()
        self.state = os.path.join(self.folder, "state")
        board.save(self.state)
        self.card.wait()
        return self.power_on(cut)

    def verify(self, board, acked):
        return board.run(f"{MOUNT}/skerry/tests/board.cut verify /data/store.db {acked}")

    def write_until_cut(self, board, acked):
        """The last number that was promised."""
        board.send("/skerry/tests/board.cut write /data/store.db")
        end = None
        while end is None or time.monotonic() < end:
            try:
                line = board.read_line(0.02 if end else 10 * PATIENCE)
            except TimeoutError:
                self.assertIsNotNone(end, "nothing was written")
                continue
            self.assertFalse(line.startswith("FAILED"), line)
            if line.startswith("ACK "):
                acked = int(line[4:])
                end = end or time.monotonic() + self.chance.uniform(0.05, 1.2)
        board.cut_power()
        self.card.wait()
        return acked

    def cut_often(self, cut, times):
        """Cut and look; what was promised, and what a look said that was not OK."""
        acked, complaints = 0, []
        for i in range(times + 1):
            board = self.power_on(cut)
            code, output = self.verify(board, acked)
            if code:
                complaints.append((i, acked, output))
                break
            if i < times:
                acked = self.write_until_cut(board, max(acked, int(output.split()[-1])))
            board.close()
        return acked, complaints

    def test_nothing_promised_is_lost_when_the_cache_is_dropped(self):
        acked, complaints = self.cut_often("drop", CUTS)
        print(f"{CUTS} cuts, {acked} letters promised", end=" ... ", flush=True)
        self.assertEqual(complaints, [])
        self.assertGreater(acked, CUTS)

    def test_nothing_promised_is_lost_when_the_cache_is_torn_and_reordered(self):
        acked, complaints = self.cut_often("subset", CUTS)
        print(f"{CUTS} cuts, {acked} letters promised", end=" ... ", flush=True)
        self.assertEqual(complaints, [])
        self.assertGreater(acked, CUTS)

    def test_a_card_that_lies_about_flushing_is_found_out(self):
        """The rig sees: without flushes, promises are lost."""
        _, complaints = self.cut_often("lie", LIES)
        self.assertNotEqual(complaints, [])


if __name__ == "__main__":
    main()
