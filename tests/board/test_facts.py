"""Every boards/NAME/board.json is what docs/schema/board.json says."""
import json
import os
import unittest

import jsonschema

from board import ROOT, facts_of

BOARDS = os.path.join(ROOT, "boards")


class Facts(unittest.TestCase):
    def test_every_board(self):
        with open(os.path.join(ROOT, "docs/schema/board.json")) as f:
            schema = json.load(f)
        names = [n for n in os.listdir(BOARDS) if os.path.exists(f"{BOARDS}/{n}/board.json")]
        self.assertIn("qemu-arm64", names)
        for name in names:
            with self.subTest(name):
                facts = facts_of(name)
                jsonschema.validate(facts, schema)
                self.assertEqual(facts["name"], name)
                if "emulator" in facts:
                    self.assertIn(facts["kernel"], facts["kernels"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
