"""Source: lines never typed before, put together from words typed before.

In: the memory and what is typed up to its last space. Out: the words that may come next, each with a weight and with
the lines it stood in; then, for a started word, whole lines with shares. A word counts most when it followed the same
word of the same program, less in the same place or elsewhere in lines of the program, or as an argument of another
recent line. Nothing is stored: a word is gone as soon as the lines it came from are forgotten.
"""

from __future__ import annotations

import re
from collections import defaultdict
from heapq import nlargest
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from completers.memory import NONE, Memory, program_of
from completers.validate import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from completers.source import Moment

PROGRAM_EVENTS, RECENT_EVENTS = 80, 40  # events looked at
AFTER_SAME, SAME_PLACE, SAME_PROGRAM, ELSEWHERE = 3.0, 1.0, 0.2, 0.4  # weight of one occurrence
REPEATED = 0.1  # factor for a word that the line has already
UNSEEN, SURPRISE = 3.0, 0.3  # weight of all words not listed, and what each letter typed leaves of it
TAIL_UNSEEN = 0.2  # weight of all ways to go on that are not listed
WORDS, TAILS = 4, 2  # how many words, and ways to go on after each, are offered
STAGE = re.compile(r"\|\|?|&&|;")

Place = tuple[float, list[str], int]  # weight, words of the line, position in them


class NextWords(NamedTuple):
    """Words that may come next: their weights, and where they stood."""

    weights: dict[str, float]
    places: dict[str, list[Place]]


def next_words(memory: Memory, moment: Moment, head: str) -> NextWords:
    """Weigh the words that may follow `head`, which ends in a space."""
    typed = head.split()
    weights: dict[str, float] = defaultdict(float)
    places: dict[str, list[Place]] = defaultdict(list)
    for word, place in chain(_of_program(memory, head, typed[-1]), _of_recent(memory, moment)):
        weights[word] += place[0]
        places[word].append(place)
    for word in set(typed) & weights.keys():
        weights[word] *= REPEATED
    return NextWords(weights, places)


def compose(words: NextWords, head: str, start: str) -> list[tuple[str, float]]:
    """Continue `head` + `start` to whole lines; each with its share among all lines that are new, 0..1."""
    weights = (
        {word: weight for word, weight in words.weights.items() if word.startswith(start)} if start else words.weights
    )
    total = sum(weights.values()) + UNSEEN * SURPRISE ** len(start)
    return [
        (head + word + tail, weight / total * share)
        for word, weight in nlargest(WORDS, weights.items(), key=itemgetter(1))
        for tail, share in _ways_on(words.places[word])
        if word != start or tail
    ]


def _ways_on(places: list[Place]) -> Iterator[tuple[str, float]]:
    """Say what followed a word in its lines ("" for nothing), with shares."""
    tails: dict[str, float] = defaultdict(float)
    for weight, words, at in places:
        tails[" ".join(["", *words[at + 1 :]])] += weight
    total = sum(tails.values()) + TAIL_UNSEEN
    for tail, weight in nlargest(TAILS, tails.items(), key=itemgetter(1)):
        yield tail, weight / total


def _of_program(memory: Memory, head: str, last: str) -> Iterator[tuple[str, Place]]:
    """Words of lines of the program that is being typed."""
    stage = STAGE.split(head)[-1]
    number, position = memory.program_ids.get(program_of(stage), NONE), len(stage.split())
    for weight, line in _distinct(memory, memory.by_program.walk(number, PROGRAM_EVENTS) if number != NONE else ()):
        words = line.split()
        for at in range(1, len(words)):
            kind = AFTER_SAME if words[at - 1] == last else SAME_PLACE if at == position else SAME_PROGRAM
            yield words[at], (kind * weight, words, at)


def _of_recent(memory: Memory, moment: Moment) -> Iterator[tuple[str, Place]]:
    """Arguments of recent lines of any program; what followed them there does not matter."""
    for weight, line in _distinct(memory, _latest(memory, moment)):
        for word in line.split()[1:]:
            if word[0] != "-":
                yield word, (ELSEWHERE * weight, [], 0)


def _latest(memory: Memory, moment: Moment) -> Iterable[int]:
    if moment.previous != NONE:
        return memory.by_session.back(moment.previous, RECENT_EVENTS)
    return range(len(memory) - 1, max(len(memory) - 1 - RECENT_EVENTS, NONE), -1)


def _distinct(memory: Memory, events: Iterable[int]) -> Iterator[tuple[float, str]]:
    """Lines of the events, each once and none too long, with a weight that falls with its rank."""
    seen: set[int] = set()
    for event in events:
        number = memory.line[event]
        if number not in seen and len(memory.texts[number]) <= LONG:
            seen.add(number)
            yield (1 + len(seen)) ** -0.5, memory.texts[number]
