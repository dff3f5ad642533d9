"""What readers other than the hub get, judged by programs that are not ours.

The grammar of the line protocol is written down here once more, as a regular
expression; JSON is for ajv, with docs/schema/telemetry-letter.json.
"""
import os
import re
import shutil
import socket
import subprocess
import unittest

import npm
from skerry_test import WorldTest, main, wait_until
from test_protocol import Listener

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema/telemetry-letter.json")
NAME = r"(?:[^\s,=\\]|\\[,= ]|\\(?![,= ]))+"
NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
VALUE = rf'(?:{NUMBER}|-?\d+i|t|T|true|True|TRUE|f|F|false|False|FALSE|"(?:[^"\\]|\\.)*")'
LINE = re.compile(rf"^{NAME}(?:,{NAME}={NAME})* {NAME}={VALUE}(?:,{NAME}={VALUE})*(?: -?\d+)?$")
POINTS = "\n".join([
    'batt,cell=1 volt=15.72,cycles=41i,ok=t,note="ok" 1790000000000000000',
    'odd\\ name,a\\,b=c\\=d,site=küste f\\ g=1e-9,big=-9007199254740991i,s="say \\"no\\" \\\\ twice" '
    '1790000000001000000',
    'plain value=0.3333333333333333',
])


class Readers(WorldTest):
    settings = {"telemetry_flush": "300ms"}

    def hear(self, kind, form):
        """What comes on up/KIND/host when POINTS are sent as `form`."""
        self.device.stop()
        self.device.settings.update(telemetry_format=form, telemetry_ack="broker")
        self.device.start().wait_up()
        topic = f"{self.device.name}/up/{kind}/host"
        listener = Listener(self.world, topic)
        self.addCleanup(listener.close)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                s.sendto(POINTS.encode(), f"/proc/self/fd/{fd}/telemetry.sock")
            finally:
                os.close(fd)
        text = listener.wait(topic, seconds=40).decode()
        wait_until("the broker's word is enough", 40,
                   lambda: self.device.status()["buffer"]["batches"] == 0)
        return text

    def test_every_line_is_line_protocol(self):
        self.assertIsNone(LINE.match("batt volt="))  # a grammar that takes all would say nothing
        self.assertIsNone(LINE.match("batt,cell volt=1"))
        lines = self.hear("line", "line").rstrip("\n").split("\n")
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertRegex(line, LINE)

    def test_every_document_is_what_the_schema_says(self):
        why = npm.missing()
        if why:
            self.skipTest(why)
        npm.put_modules(self.world.folder)
        program = shutil.copy(os.path.join(npm.SOURCE, "judge.mjs"), self.world.folder)

        def judge(text):
            return subprocess.run(["node", program, SCHEMA], input=text, capture_output=True,
                                  text=True, timeout=60)
        text = self.hear("tele", "json")
        self.assertEqual(judge('{"buf":"a","seq":0,"pts":[]}').returncode, 1)
        done = judge(text.strip())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
