"""Recognises which of the given sentences a WAV file holds.

usage: recognise.py FILE.wav SENTENCE [SENTENCE ...]

Prints JSON: {"text": the sentences heard, in order, "expected": [...]}. The recogniser (pocketsphinx, with the model its
package carries) is given a grammar of just these sentences, so it answers which one was said, not what might have been.
"""

import json
import re
import subprocess
import sys

from pocketsphinx import Config, Decoder, get_model_path


def words(sentence):
    return re.sub(r"[^a-z' ]", " ", sentence.lower()).split()


def main():
    path, sentences = sys.argv[1], sys.argv[2:]
    # 16 kHz, 16 bit, one channel: what the model was trained on.
    audio = subprocess.run(
        ["sox", path, "-t", "raw", "-r", "16000", "-b", "16", "-c", "1", "-e", "signed-integer", "-"],
        check=True, stdout=subprocess.PIPE,
    ).stdout
    choices = " | ".join(" ".join(words(sentence)) for sentence in sentences)
    model = get_model_path("en-us")
    config = Config(hmm=model + "/en-us", dict=model + "/cmudict-en-us.dict", lm=None, loglevel="ERROR")
    decoder = Decoder(config)
    known = {word for sentence in sentences for word in words(sentence)}
    missing = sorted(word for word in known if decoder.lookup_word(word) is None)
    if missing:
        sys.exit(f"not in the recogniser's dictionary: {', '.join(missing)}")
    decoder.add_jsgf_string("said", f"#JSGF V1.0; grammar said; public <said> = ( {choices} )+ ;")
    decoder.activate_search("said")
    decoder.start_utt()
    decoder.process_raw(audio, full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    print(json.dumps({"text": heard.hypstr if heard else "", "expected": sentences}))


if __name__ == "__main__":
    main()
