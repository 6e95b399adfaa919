"""What diffusers' IFPipeline makes of captions before it encodes them, in test/golden/clean-caption.json.

    python test/golden/clean-caption.py        (needs beautifulsoup4 and ftfy)
"""

import json
from pathlib import Path

from diffusers import IFPipeline

CAPTIONS = [
    "", "  Bell Off ", "a folder with a heart", "A Small RED cat", "this-is-my-cute-cat", "snake_case_is_for_names_too", "well-known", "a+b%20c",
    "see https://example.com/cat.png now", "example.org/shop is open", "www.cats.com", "mail me@home.org", "thanks to @some_cat for it",
    "猫 and 犬 in the snow", "a – dash — and ― another", "«quoted» “text” it‘s", "tom &amp; jerry", "&quot;hello&quot;", "a &lt; b", "it&#39;s a caf&#233;",
    "server 192.168.0.1 down", "alarm at 5:30 ", "line\\nbreak", "item #12 of 30", "order #123456", "number 1234567 here", "cat.png on a table",
    'say ""hello""', "wait... what", "***SALE*** (today) [only] {now} | a/b \\ c ~", "one . two", "model jc6640 and jc6640vc", "6640vc231 again",
    "free shipping worldwide", "Worldwide free shipping of cats", "free download", "click for more", "png images of dogs", "page 12 of it",
    "a j2d1a2a code", "paper 10x15 cm", "key : value", "cats,dogs/birds.fish", "'quoted'", '"quoted"', "-dash first", "dash last-", ".hidden",
    "<b>bold</b> text", "<person> on a bike", "naïve CAFÉ ÜBER", "3.5 of 7", "a  b\tc", "12 o'clock", "кот на столе", "100% cotton", "it's 5 o'clock",
    "½ cup of tea", "C++ and C#", "a_b_c",
]

if __name__ == "__main__":
    clean = IFPipeline._clean_caption
    pipeline = type("Cleaner", (), {"bad_punct_regex": IFPipeline.bad_punct_regex})()
    pairs = [[text, clean(pipeline, clean(pipeline, text))] for text in CAPTIONS]
    (Path(__file__).parent / "clean-caption.json").write_text(json.dumps(pairs, ensure_ascii=False, indent=2) + "\n")
