#!/usr/bin/env python3
"""How well speech comes through a bad network: prints the table of docs/performance.md.

Speech is made by espeak-ng, sent through the chains alone (`quality.rs`) or, with `network` as the argument, through
the whole program and a router (`client/tests/voice_quality.rs`, ten minutes), and judged by PESQ (ITU-T P.862.2,
wideband, 1.0 to 4.6) in a virtual environment under target/, into which the packages are installed at first. Needs
espeak-ng and python3-venv. Fails if a decoder without FEC and concealment is better at any loss.
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

    def save(path, sound):
        wavfile.write(path, 48_000, (numpy.clip(sound, -1, 1) * 32767).astype(numpy.int16))

    def load(path):
        rate, sound = wavfile.read(path)
        return rate, sound.astype(numpy.float64) / 32768

    def say(voice, text):
        raw = sounds / "raw.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-w", raw, text], check=True)
        rate, sound = load(raw)
        sound = resample_poly(sound, 48_000, rate)
        return 0.6 * sound / abs(sound).max()

    def score(words, heard):
        words, heard = (resample_poly(load(path)[1], 1, 3) for path in (words, heard))
        return pesq(16_000, words, heard, "wb")

    def pause(seconds):
        return numpy.zeros(int(48_000 * seconds))

    if sys.argv[1:] == ["network"]:
        through_the_network(sounds, numpy.concatenate, pause, say, save, load, score)
    else:
        sys.exit(not through_the_chains(sounds, numpy.concatenate, pause, say, save, score))


def head(first):
    print(f"| {first} | " + " | ".join(f"jitter {jitter} ms" for jitter in JITTERS) + " |")
    print("|---" * (len(JITTERS) + 1) + "|")


def through_the_chains(sounds, join, pause, say, save, score):
    speeches = []
    for voice in VOICES:
        for number, text in enumerate(TEXTS):
            path = sounds / f"{voice}{number}.wav"
            save(path, join([pause(0.25), say(voice, text), pause(0.25)]))
            speeches.append(path)

    command = ["cargo", "run", "--quiet", "--locked", "-p", "dialtone-voice", "--example", "quality", "--", sounds]
    out = subprocess.run([*command, *speeches], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    waits = collections.defaultdict(list)
    for line in out.splitlines():
        _, loss, jitter, wait = line.split()
        waits[int(loss), int(jitter)].append(float(wait))

    def mean(loss, jitter, kind):
        files = [(it, sounds / f"{it.stem}-{loss}-{jitter}-{kind}.wav") for it in speeches]
        return sum(score(words, heard) for words, heard in files) / len(files)

    head("loss")
    beaten = True
    for loss in LOSSES:
        cells = []
        for jitter in JITTERS:
            ours, plain = mean(loss, jitter, "ours"), mean(loss, jitter, "plain")
            wait = sum(waits[loss, jitter]) / len(waits[loss, jitter])
            cells.append(f"{ours:.2f} / {plain:.2f} ({wait:.0f} ms)")
            beaten &= loss == 0 or ours > plain
        print(f"| {loss} % | " + " | ".join(cells) + " |", flush=True)
    return beaten


def through_the_network(sounds, join, pause, say, save, load, score):
    # While the lead is said, the receiver gets used to the network; it is not judged.
    lead = join([pause(0.5), say(VOICES[0], TEXTS[0])])
    parts = [say(VOICES[0], TEXTS[1]), say(VOICES[1], TEXTS[2])]
    speech = sounds / "speech.wav"
    save(speech, join([lead, *(piece for part in parts for piece in (pause(1), part)), pause(1)]))

    environment = os.environ | {"DIALTONE_SPEECH": str(speech), "DIALTONE_HEARD": str(sounds)}
    command = "cargo test --locked --workspace --test voice_quality -- --ignored".split()
    subprocess.run(command, cwd=ROOT, check=True, env=environment, stdout=sys.stderr)

    def mean(loss, jitter):
        heard, words = (load(path)[1] for path in (sounds / f"network-{loss}-{jitter}.wav", speech))
        scores, at = [], len(lead)
        for part in parts:
            until = at + len(part) + 96_000
            for name, sound in (("one", words), ("other", heard)):
                save(sounds / f"{name}.wav", sound[at:until])
            scores.append(score(sounds / "one.wav", sounds / "other.wav"))
            at += len(part) + 48_000
        return sum(scores) / len(scores)

    head("loss")
    for loss in LOSSES:
        cells = [f"{mean(loss, jitter):.2f}" for jitter in JITTERS]
        print(f"| {loss} % | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
