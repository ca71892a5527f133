"""Names that people can tell apart: user ids and node names.

Rules of the file: pure; the random number generator is handed in. A name is
`<prefix>-<adjective>-<name>-<0..99999>` (security.md §3, frames.md §3). Nothing parses it.
"""

from random import Random

__all__ = ["human_name"]

_ADJECTIVES = """
able ample amber azure bold brave brisk calm candid cheery clear clever copper coral crisp curious daring deft
eager early earnest easy fair fancy fleet fond frank free fresh gentle glad golden grand happy hardy hearty
honest humble ideal jolly keen kind lively loyal lucid lucky mellow merry mighty modest neat nimble noble
novel olive patient placid plucky polite proud quick quiet rapid ready robust rosy royal safe sage serene
sharp silent silver simple sincere smart snug solid spry steady stout sunny swift tidy trusty upbeat valiant
vivid warm wise witty young zesty
""".split()
_NAMES = """
albatross alpaca badger beaver bison buzzard caribou cheetah condor cormorant cougar coyote crane curlew dingo
dolphin eagle egret elk falcon ferret finch fox gannet gazelle gecko gibbon goshawk grebe grouse hare harrier
hawk hedgehog heron hoopoe ibex ibis jackal jaguar jay kestrel kite kiwi koala lapwing lark lemur leopard
lizard llama lynx magpie mallard marmot marten merlin mole moose narwhal newt ocelot orca oriole osprey otter
owl panther pelican petrel pipit plover puffin puma quail rabbit raven robin sable salmon seal shrew siskin
skua sparrow starling stoat stork swallow swift tapir teal tern thrush toad turtle viper vole walrus weasel
wombat wren yak zebra
""".split()
_MOST = 99_999


def human_name(prefix: str, random: Random) -> str:
    """Make a name such as `kuid-brave-otter-4711`."""
    # Not secret: a name that is taken is drawn again by whoever stores it.
    adjective, name = random.choice(_ADJECTIVES), random.choice(_NAMES)
    return f"{prefix}-{adjective}-{name}-{random.randint(0, _MOST)}"
