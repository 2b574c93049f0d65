"""Row 24: the file system changes below a path while it is opened."""

import os
import shutil
import threading
import time

from results import check
from smb2_client import (CLOSE, CREATE, READ, SUCCESS, WRITE, close_body, open_body, read_body,
                         write_body)

OUTSIDE_TEXT = b"outside the share"
INSIDE_TEXT = b"inside"
RACE_S = 3


class Swapper:
    """Runs `steps` in a circle on a thread of its own until the race is over."""

    def __init__(self, *steps):
        self.steps = steps
        self.turns = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            for step in self.steps:
                try:
                    step()
                except FileNotFoundError:
                    pass
            self.turns += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(10)


def read_and_close(client, answer):
    file = answer.body[64:80]
    data = client.request(READ, read_body(file, 100, 0))
    client.request(CLOSE, close_body(file))
    return data.body[16:] if data.status == SUCCESS else b""


def race_reads(lab, client, name):
    """Opens and reads `name` for a while; returns (times that data came, times it was refused)."""
    opened = refused = 0
    give_up = time.monotonic() + RACE_S
    while time.monotonic() < give_up:
        answer = client.request(CREATE, open_body(name, disposition=1, access=0x00120089))
        if answer.status != SUCCESS:
            refused += 1
            continue
        data = read_and_close(client, answer)
        check(OUTSIDE_TEXT[:7] not in data, f"{name} gave data from outside the share")
        opened += bool(data)
    lab.check_innocent()
    return opened, refused


def swap(path, other):
    """Exchanges two names in steps, as a local program would."""
    def step():
        os.rename(path, path + ".away")
        os.rename(other, path)
        os.rename(path, other)
        os.rename(path + ".away", path)
    return step


def prepare(lab):
    root = os.path.join(lab.server.path(), "race")
    outside = os.path.join(lab.server.directory, "outside")
    for directory in (root + "/real/sub", outside + "/sub"):
        os.makedirs(directory)
        os.chmod(directory, 0o777)
    os.chmod(outside, 0o777)
    os.chmod(root, 0o777)
    os.chmod(root + "/real", 0o777)
    for directory, text in ((root + "/real", INSIDE_TEXT), (outside, OUTSIDE_TEXT)):
        for name in ("file", "sub/file"):
            with open(os.path.join(directory, name), "wb") as file:
                file.write(text)
            os.chmod(os.path.join(directory, name), 0o666)
    os.symlink(outside, root + "/link")
    os.symlink("../../../outside", root + "/relative")
    return root, outside


def test_reads(lab, results, root, outside):
    with lab.connect() as client:
        for label, link in (("an absolute", "link"), ("a relative", "relative")):
            with results.test(f"row 24: a directory swapped with {label} link out of the share"):
                with Swapper(swap(root + "/real", f"{root}/{link}")) as swapper:
                    opened, refused = race_reads(lab, client, "race\\real\\file")
                    opened_below, _ = race_reads(lab, client, "race\\real\\sub\\file")
                check(swapper.turns > 50, f"only {swapper.turns} swaps")
                check(opened and opened_below and refused,
                      f"no race: {opened}, {opened_below} opened, {refused} refused")
        with results.test("row 24: a file swapped with a link out of the share"):
            os.symlink(outside + "/file", root + "/file-link")
            with Swapper(swap(root + "/real/file", root + "/file-link")) as swapper:
                opened, refused = race_reads(lab, client, "race\\real\\file")
            check(opened and swapper.turns > 50, f"{opened} opened, {swapper.turns} swaps")
        with results.test("row 24: a directory that moves out of the share while it is walked"):
            def move_out():
                os.rename(root + "/real", lab.server.directory + "/moved")
                os.rename(lab.server.directory + "/moved", root + "/real")
            with Swapper(move_out) as swapper:
                race_reads(lab, client, "race\\real\\sub\\file")
                # The server folds "..", and never asks the kernel what is above.
                race_reads(lab, client, "race\\real\\sub\\..\\file")
                for name in ("race\\real\\..\\..\\outside\\file", "race\\..\\..\\outside\\file"):
                    answer = client.request(CREATE, open_body(name, disposition=1))
                    check(answer.status != SUCCESS, f"{name} was opened")
            check(swapper.turns > 50, f"only {swapper.turns} moves")


def test_changes(lab, results, root, outside):
    def outside_state():
        found = {}
        for directory, _, names in os.walk(outside):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    found[os.path.join(directory, name)] = file.read()
        return found

    before = outside_state()
    with lab.connect() as client:
        with results.test("row 24: writes, creates and deletes never land outside the share"):
            with Swapper(swap(root + "/real", root + "/link")) as swapper:
                give_up = time.monotonic() + RACE_S
                turn = made = 0
                while time.monotonic() < give_up:
                    turn += 1
                    name = ("race\\real\\file", f"race\\real\\new-{turn % 7}",
                            f"race\\real\\sub\\new-{turn % 5}")[turn % 3]
                    options = 0x1000 if turn % 3 and turn % 2 else 0  # Delete on close.
                    answer = client.request(CREATE, open_body(
                        name, disposition=(3, 5, 0)[turn % 3], options=options,
                        access=0x00130196 | 1))
                    if answer.status == SUCCESS:
                        made += 1
                        file = answer.body[64:80]
                        client.request(WRITE, write_body(file, b"written through the share", 0))
                        client.request(CLOSE, close_body(file))
            check(made > 0 and swapper.turns > 50, f"no race: {made} opens, {swapper.turns} swaps")
            check(outside_state() == before, "something outside the share has changed")
            lab.check_innocent()


def test_hard_links(lab, results, root, outside):
    with lab.connect() as client:
        with results.test("row 24: directories made and removed while they are opened"):
            def flicker():
                os.mkdir(root + "/flicker")
                os.rmdir(root + "/flicker")
            with Swapper(flicker):
                give_up = time.monotonic() + 1
                while time.monotonic() < give_up:
                    answer = client.request(CREATE, open_body("race\\flicker", disposition=1,
                                                              options=1, access=0x81,
                                                              attributes=0))
                    if answer.status == SUCCESS:
                        client.request(CLOSE, close_body(answer.body[64:80]))
        with results.test("row 24: hard links made and removed while they are opened"):
            def link():
                os.link(root + "/real/sub/file", root + "/hard")
                os.unlink(root + "/hard")
            with Swapper(link):
                race_reads(lab, client, "race\\hard")


def run(lab, results):
    root, outside = prepare(lab)
    try:
        test_reads(lab, results, root, outside)
        test_changes(lab, results, root, outside)
        test_hard_links(lab, results, root, outside)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(outside, ignore_errors=True)
