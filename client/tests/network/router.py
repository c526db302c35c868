"""A router between two networks of their own, which loses, delays and reorders what it carries.

Each network is a namespace with one tunnel device; nobody needs to clean up after it, since both end with this
program, and it with its standard input. It prints `ready PID PID`: programs run in a network by `nsenter -t PID`.
Then it reads one command a line, and answers each with `ok` once it holds:

    cut                         nothing gets through any more
    heal                        it does again
    loss S delay MS jitter MS   any of them: the share that is lost, 0 to 1; how long each packet takes, and at most
                                how much longer, so that packets overtake each other

What cannot be done is said in a line that begins with `error`.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
DEVICE = "tun0"
LONGEST_PACKET = 65536
MOST_WAITING = 10_000


def fail(what):
    print("error:", what, flush=True)
    sys.exit(1)


def enter_network():
    """Into a namespace made for this process; who is not root may do that where it is root of its own."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if user else 0)) != 0:
        why = os.strerror(ctypes.get_errno())
        fail(f"no network namespace can be made ({why}): run this as root, or allow user namespaces")
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def open_tunnel(address):
    try:
        tunnel = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    except OSError as error:
        fail(f"no tunnel device can be made (/dev/net/tun: {error.strerror}): load the module tun, and allow its use")
    for command in (
        "ip link set lo up",
        f"ip address add {address}/24 dev {DEVICE}",
        f"ip link set {DEVICE} up",
    ):
        try:
            subprocess.run(command.split(), check=True)
        except FileNotFoundError:
            fail("the program ip is missing: .ci/setup test installs iproute2")
        except subprocess.CalledProcessError:
            fail(f"{command} failed")
    return tunnel


def network(address):
    """A process that holds a network until this one ends: its number, its tunnel, and what it holds on to."""
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        ours.close()
        enter_network()
        socket.send_fds(theirs, [b"!"], [open_tunnel(address)])
        theirs.recv(1)
        os._exit(0)
    theirs.close()
    _, tunnels, _, _ = socket.recv_fds(ours, 1, 1)
    if not tunnels:
        sys.exit(1)
    return process, tunnels[0], ours


class Router:
    def __init__(self, tunnels, seed):
        self.other = {tunnels[0]: tunnels[1], tunnels[1]: tunnels[0]}
        self.random = random.Random(seed)
        self.shape = {"loss": 0.0, "delay": 0.0, "jitter": 0.0}
        self.cut = False
        self.waiting = []
        self.number = 0

    def obey(self, line):
        words = line.split()
        if words in (["cut"], ["heal"]):
            self.cut = words == ["cut"]
            return "ok"
        wanted = dict(zip(words[::2], words[1::2]))
        if not words or len(words) % 2 or not wanted.keys() <= self.shape.keys():
            return f"error: not understood: {line}"
        self.shape.update((name, float(value)) for name, value in wanted.items())
        return "ok"

    def take(self, tunnel, now):
        packet = os.read(tunnel, LONGEST_PACKET)
        lost = self.random.random() < self.shape["loss"]
        late = self.shape["delay"] + self.random.random() * self.shape["jitter"]
        if not (lost or self.cut or len(self.waiting) >= MOST_WAITING):
            self.number += 1
            heapq.heappush(self.waiting, (now + late / 1000, self.number, self.other[tunnel], packet))

    def deliver(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            _, _, tunnel, packet = heapq.heappop(self.waiting)
            if not self.cut:
                try:
                    os.write(tunnel, packet)
                except OSError:
                    pass  # A device that is down loses what it is given.

    def run(self):
        # Without a buffer, so that no line waits where `select` does not see it.
        commands = open(0, "rb", buffering=0)
        while True:
            now = time.monotonic()
            self.deliver(now)
            due = max(0, self.waiting[0][0] - now) if self.waiting else None
            ready, _, _ = select.select([*self.other, commands], [], [], due)
            for source in ready:
                if source is not commands:
                    self.take(source, time.monotonic())
                    continue
                line = commands.readline().decode()
                if not line:
                    return
                print(self.obey(line.strip()), flush=True)


def main():
    seed, *addresses = sys.argv[1:]
    networks = [network(address) for address in addresses]
    router = Router([tunnel for _, tunnel, _ in networks], int(seed))
    print("ready", *(process for process, _, _ in networks), flush=True)
    router.run()


main()
