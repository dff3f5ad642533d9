"""The contract and fault tests of ports, against the kernels that boards have."""
import os
import unittest

from board import Board, facts_of, make_disk, make_program_disk
from board_test import main
from skerry_test import World

# A program that leaves with 77 says why it was skipped: there is no broker on a board, nor the openssl command.
EXPECTED_SKIPS = {"contract.certificate", "contract.mqtt", "fault.accept"}


class Contract(unittest.TestCase):
    board_name = "qemu-arm64"
    options = {}
    only = "contract. fault."

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        folder = self.world.folder
        programs = make_program_disk(os.path.join(folder, "programs"),
                                     facts_of(self.board_name)["architecture"], tests=True)
        self.board = Board(self.board_name, folder, programs=programs, memory=256,
                           flash=make_disk(os.path.join(folder, "flash"), 64), **self.options)
        self.addCleanup(self.board.close)
        self.board.power_on()
        self.board.check("mount -o ro /dev/vda /skerry && mount /dev/vdb /data")

    def test_every_program(self):
        programs = [p for p in self.board.check("ls /skerry/tests").split()
                    if any(p.startswith(kind) for kind in self.only.split())]
        self.assertTrue(programs)
        for program in programs:
            with self.subTest(program):
                code, output = self.board.run(
                    "cd /data; SKERRY_KEEPER=/skerry/bin/skerry-keeper TMPDIR=/data "
                    f"/skerry/tests/{program} >/tmp/output 2>&1; code=$?; "
                    "grep -vE ' OK ]|RUN ' /tmp/output; exit $code", 120)
                self.assertEqual(code, 77 if program in EXPECTED_SKIPS else 0, output)


class WithCgroupV1(Contract):
    options = {"cgroup": "v1"}
    only = "contract.cgroup contract.keeper contract.sandbox"


class WithBoth(Contract):
    options = {"cgroup": "hybrid"}
    only = "contract.cgroup contract.keeper contract.sandbox"


class OnAnOldKernel(Contract):
    options = {"kernel": "5.10"}
    only = "contract.cgroup contract.hostile contract.keeper contract.sandbox contract.process contract.socket"


class OnANewKernel(OnAnOldKernel):
    options = {"kernel": "6.12"}
    only = "contract.cgroup contract.keeper contract.sandbox contract.process contract.socket"


class OnArmv7(OnANewKernel):
    board_name = "qemu-armv7"
    options = {}


if __name__ == "__main__":
    main()
