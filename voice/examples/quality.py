#!/usr/bin/env python3
"""How well speech comes through a bad network: prints the table of docs/performance.md.

Speech is made by espeak-ng, sent through `quality.rs`, and judged by PESQ (ITU-T P.862.2, wideband, 1.0 to 4.6) in a
virtual environment under target/, into which the packages are installed at first. Needs espeak-ng and python3-venv.
Fails if a decoder without FEC and concealment is better at any loss.
"""

import collections
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "quality"
PACKAGES = ["numpy", "pesq", "scipy"]

VOICES = ["en-us", "en-gb-x-rp+f3"]
TEXTS = [
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish. Rice is often served in round bowls. "
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage. "
    "Four hours of steady work faced us.",
]
LOSSES = [0, 5, 10, 20, 30]
JITTERS = [0, 20, 50, 100]


def own_python():
    """Goes on within the virtual environment."""
    python = WORK / "bin" / "python3"
    if pathlib.Path(sys.prefix) == WORK:
        return
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", WORK], check=True)
    if subprocess.run([python, "-c", "import pesq, scipy"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def main():
    own_python()
    import numpy
    from pesq import pesq
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    sounds = WORK / "sounds"
    sounds.mkdir(exist_ok=True)

    def save(path, rate, sound):
        wavfile.write(path, rate, (numpy.clip(sound, -1, 1) * 32767).astype(numpy.int16))

    def load(path):
        rate, sound = wavfile.read(path)
        return rate, sound.astype(numpy.float64) / 32768

    def at_16_khz(sound):
        return resample_poly(sound, 1, 3)

    speeches = []
    for voice in VOICES:
        for number, text in enumerate(TEXTS):
            raw = sounds / "raw.wav"
            subprocess.run(["espeak-ng", "-v", voice, "-w", raw, text], check=True)
            rate, sound = load(raw)
            sound = resample_poly(sound, 48_000, rate)
            pause = numpy.zeros(12_000)
            path = sounds / f"{voice}{number}.wav"
            save(path, 48_000, numpy.concatenate([pause, 0.6 * sound / abs(sound).max(), pause]))
            speeches.append(path)

    command = ["cargo", "run", "--quiet", "--locked", "-p", "dialtone-voice", "--example", "quality", "--", sounds]
    out = subprocess.run([*command, *speeches], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    waits = collections.defaultdict(list)
    for line in out.splitlines():
        _, loss, jitter, wait = line.split()
        waits[int(loss), int(jitter)].append(float(wait))

    def score(loss, jitter, kind):
        all_scores = []
        for speech in speeches:
            words = at_16_khz(load(speech)[1])
            heard = at_16_khz(load(sounds / f"{speech.stem}-{loss}-{jitter}-{kind}.wav")[1])
            all_scores.append(pesq(16_000, words, heard, "wb"))
        return sum(all_scores) / len(all_scores)

    print("| loss | " + " | ".join(f"jitter {jitter} ms" for jitter in JITTERS) + " |")
    print("|---" * (len(JITTERS) + 1) + "|")
    beaten = True
    for loss in LOSSES:
        cells = []
        for jitter in JITTERS:
            ours, plain = score(loss, jitter, "ours"), score(loss, jitter, "plain")
            wait = sum(waits[loss, jitter]) / len(waits[loss, jitter])
            cells.append(f"{ours:.2f} / {plain:.2f} ({wait:.0f} ms)")
            beaten &= loss == 0 or ours > plain
        print(f"| {loss} % | " + " | ".join(cells) + " |", flush=True)
    sys.exit(not beaten)


if __name__ == "__main__":
    main()
