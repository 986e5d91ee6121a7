#!/usr/bin/env python3
"""Runs a program on a processor that this machine is not: in Bochs, under a kernel of Debian.

    bochs.py PROGRAM [ARGUMENTS...]

The program finds itself, the libraries that it was linked to and the files and folders that its arguments name where they lie
here, and nothing else: busybox, /proc, /sys, /dev and /tmp. Its output is this one's, and its exit status; 125 where there was
none.
The kernel and the medium to boot from are kept in build/emulated. The clock in there counts instructions, not time.
"""
import collections
import contextlib
import fcntl
import glob
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = os.path.join(ROOT, "build", "emulated")
NO_ANSWER = 125

# The first of Intel's with IFMA, VBMI and SHA that Bochs has.
PROCESSOR = "corei3_cnl"
# What Linux reads from Bochs' description of a processor and then stumbles over is switched off: protection keys whose state
# has no size, compacted XSAVE areas of another size than they have, FSGSBASE, with which page faults beget page faults.
LINUX = "console=ttyS0 panic=0 mitigations=off tsc=reliable lpj=1000000 lsm=capability clearcpuid=pku,xsavec,xsaves nofsgsbase"
# In the order in which they need each other.
MODULES = ("crypto/crct10dif_common", "crypto/crct10dif_generic", "lib/crc-t10dif", "lib/crc64",
           "crypto/crc64_rocksoft_generic", "lib/crc64-rocksoft", "block/t10-pi", "drivers/scsi/scsi_common",
           "drivers/scsi/scsi_mod", "drivers/scsi/sd_mod", "drivers/ata/libata", "drivers/ata/ata_piix")
FIRMWARE = "/usr/share/bochs"

# The disk is a tar archive both ways: what the program needs, and what it leaves in /out.
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /out
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
ip link set lo up
for module in {modules}; do insmod /modules/$module.ko; done
until [ "$(cat /sys/block/sda/size 2>/dev/null || echo 0)" -gt 0 ]; do sleep 0.1; done
echo 0 >/proc/sys/kernel/printk
tar x -C / -f /dev/sda
echo {begins}
sh /run.sh </dev/null 2>&1
echo $? >/out/status
tar c -f /dev/sda -C /out .
sync
sleep 1
poweroff -f
"""
BEGINS = "== the program begins =="

CONFIGURATION = """megs: 2048
cpu: model={processor}, count=1, ips=10000000, reset_on_triple_fault=0
romimage: file={firmware}/BIOS-bochs-latest, options=fastboot
vgaromimage: file={firmware}/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata0-master: type=disk, path={work}/disk, mode=flat
ata1-master: type=cdrom, path={boot}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={work}/serial
display_library: term
clock: sync=none
log: {work}/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""


class EmulationFailed(Exception):
    """There is no answer of the program's: the machine did not boot, or stopped."""


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **more).stdout


def kernel():
    """Debian's kernel and its modules, unpacked."""
    if not glob.glob(KEPT + "/kernel/boot/vmlinuz-*"):
        wanted = run("apt-cache", "depends", "linux-image-amd64", text=True)
        package = next(line.split()[-1] for line in wanted.splitlines() if "Depends:" in line)
        with tempfile.TemporaryDirectory(dir=KEPT) as into:
            # apt steps down to a user who may not write here, and says so.
            run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package, cwd=into)
            run("dpkg-deb", "--extract", *glob.glob(into + "/*.deb"), into + "/kernel")
            os.rename(into + "/kernel", KEPT + "/kernel")
    return glob.glob(KEPT + "/kernel/boot/vmlinuz-*")[0], glob.glob(KEPT + "/kernel/lib/modules/*/kernel")[0]


def boot_medium():
    """A medium that boots that kernel, with INIT for its first program."""
    medium = os.path.join(KEPT, "boot.iso")
    if os.path.exists(medium) and os.path.getmtime(medium) > os.path.getmtime(__file__):
        return medium
    image, modules = kernel()
    with tempfile.TemporaryDirectory(dir=KEPT) as into:
        first, disc = os.path.join(into, "first"), os.path.join(into, "disc")
        os.makedirs(first + "/bin")
        os.makedirs(first + "/modules")
        os.makedirs(disc + "/isolinux")
        shutil.copy("/bin/busybox", first + "/bin/")
        for module in MODULES:
            shutil.copy(f"{modules}/{module}.ko", first + "/modules/")
        with open(first + "/init", "w", encoding="ascii") as file:
            file.write(INIT.format(modules=" ".join(os.path.basename(module) for module in MODULES), begins=BEGINS))
        os.chmod(first + "/init", 0o755)
        names = run("find", ".", cwd=first)
        with open(disc + "/first.cpio", "wb") as file:
            subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], cwd=first, input=names, stdout=file, check=True)
        shutil.copy(image, disc + "/linux")
        shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", disc + "/isolinux/")
        shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", disc + "/isolinux/")
        with open(disc + "/isolinux/isolinux.cfg", "w", encoding="ascii") as file:
            file.write(f"DEFAULT linux\nLABEL linux\n KERNEL /linux\n APPEND initrd=/first.cpio {LINUX}\n")
        run("xorriso", "-as", "mkisofs", "-quiet", "-o", into + "/boot.iso", "-b", "isolinux/isolinux.bin", "-c",
            "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", disc, stderr=subprocess.DEVNULL)
        os.rename(into + "/boot.iso", medium)
    return medium


def libraries_of(program):
    """The files that the loader would load, the loader among them."""
    out = []
    for line in run("ldd", program, text=True).splitlines():
        words = line.split()
        path = words[2] if "=>" in words else words[0]
        if path.startswith("/"):
            out.append(path)
    return out


def make_disk(disk, script, programs, others, room):
    added = set()

    def add(archive, path, from_path=None):
        if path not in added:
            added.add(path)
            archive.add(from_path or os.path.realpath(path), path)

    with tarfile.open(disk, "w") as archive, tempfile.TemporaryDirectory(dir=KEPT) as into:
        for program in programs:
            stripped = os.path.join(into, os.path.basename(program))
            run("strip", "--strip-debug", "-o", stripped, program)
            add(archive, program, stripped)
            for library in libraries_of(program):
                add(archive, library)
        for other in others:
            add(archive, other)
        with open(into + "/run.sh", "w", encoding="utf-8") as file:
            file.write(script)
        add(archive, "/run.sh", into + "/run.sh")
    # In whole sectors, with room for what comes back.
    size = max(os.path.getsize(disk), room)
    os.truncate(disk, -(-size // (1 << 20)) << 20)


def watch(process, serial, seconds, tell):
    """Passes on what comes out of the machine's serial line until it stops; all of it since the program began."""
    deadline = time.monotonic() + seconds
    heard, begun, told = b"", None, 0
    while True:
        ended = process.poll() is not None
        with contextlib.suppress(FileNotFoundError), open(serial, "rb") as file:
            heard = file.read()
        if begun is None and (at := heard.find(BEGINS.encode())) >= 0:
            begun = told = at + len(BEGINS) + 2
        if begun is not None and tell:
            sys.stdout.buffer.write(heard[told:].replace(b"\r\n", b"\n"))
            sys.stdout.flush()
            told = len(heard)
        if ended:
            break
        if b"Kernel panic" in heard:
            raise EmulationFailed(heard[-4000:].decode(errors="replace"))
        if time.monotonic() > deadline:
            raise EmulationFailed(f"not done after {seconds} seconds\n" + heard[-4000:].decode(errors="replace"))
        time.sleep(0.2)
    return heard[begun:].decode(errors="replace").replace("\r\n", "\n") if begun is not None else ""


at_work = set()


def stop():
    """Ends what emulate() is doing in other threads; they raise EmulationFailed."""
    for process in list(at_work):
        process.kill()


def emulate(script, programs, others=(), seconds=3600, room=64 << 20, tell=True):
    """Runs the shell's script in there, with these programs and other files at hand.

    Returns the script's exit status, its output, and what it left in /out, by name.
    Raises EmulationFailed where there is no such answer.
    """
    os.makedirs(KEPT, exist_ok=True)
    with open(os.path.join(KEPT, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        boot = boot_medium()
    with tempfile.TemporaryDirectory(dir=KEPT) as work:
        make_disk(work + "/disk", script, programs, others, room)
        with open(work + "/configuration", "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(processor=PROCESSOR, firmware=FIRMWARE, work=work, boot=boot))
        with open(work + "/continue", "w", encoding="ascii") as file:
            file.write("continue\n")  # Debian's Bochs begins in its debugger
        terminal, of_bochs = pty.openpty()
        # Whatever ends this program, Bochs, which would compute for ever, ends as well.
        command = ["setpriv", "--pdeathsig", "KILL", "bochs", "-q", "-f", work + "/configuration", "-rc", work + "/continue"]
        with subprocess.Popen(command, stdin=of_bochs, stdout=of_bochs, stderr=of_bochs, start_new_session=True, cwd=work,
                              env={**os.environ, "TERM": "xterm"}) as process:
            os.close(of_bochs)
            at_work.add(process)
            screen = collections.deque(maxlen=4)
            looking = threading.Thread(target=look_at, args=(terminal, screen), daemon=True)
            looking.start()
            try:
                output = watch(process, work + "/serial", seconds, tell)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                at_work.discard(process)
                looking.join()
                os.close(terminal)
        try:
            with tarfile.open(work + "/disk") as archive:
                left = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
            return int(left.pop("./status")), output, left
        except (tarfile.TarError, KeyError, ValueError) as error:
            shown = b"".join(screen).decode(errors="replace")
            raise EmulationFailed(f"the machine stopped before the program\n{output}{shown}") from error


def look_at(terminal, screen):
    """Keeps the last of what the machine's screen shows, for when it shows why nothing came."""
    with contextlib.suppress(OSError):
        while shown := os.read(terminal, 4096):
            screen.append(shown)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    program = os.path.abspath(sys.argv[1])
    here = shlex.quote(os.getcwd())
    script = f"mkdir -p {here}\ncd {here}\nexec {shlex.join([program, *sys.argv[2:]])}\n"
    try:
        status, _, _ = emulate(script, [program], [os.path.abspath(word) for word in sys.argv[2:] if os.path.exists(word)])
    except EmulationFailed as error:
        print(f"bochs.py: {error}", file=sys.stderr)
        status = NO_ANSWER
    sys.exit(status)


if __name__ == "__main__":
    main()
