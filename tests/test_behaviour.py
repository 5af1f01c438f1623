"""Which edits of a module change its behaviour."""

import ast

import pytest

from pipeline.behaviour import behaviour

MODULE = '''
"""Words."""
from pydantic import BaseModel, Field
from toy.errors import ToyError

LIMIT = 3
"""Of numbers."""


class Numbers(BaseModel):
    """Some numbers."""

    count: int = Field(5, description="how many")

    def twice(self):
        return 2 * self.count


def total(numbers, logger):
    """Their sum."""
    assert numbers, "none"
    if len(numbers) > LIMIT:
        raise ToyError(f"{_some(numbers)} are too many", len(numbers))
    if max(numbers) > 9:
        raise ToyError(_large(max(numbers)))
    logger.info(f"{len(numbers)} numbers")
    print("numbers:", numbers)
    return sum(tqdm(numbers, desc="sum", unit="number"))


def _some(numbers):
    return ", ".join(map(str, numbers[:2]))


def _large(number) -> str:
    return f"{number} is large"
'''


def same(old: str, new: str) -> bool:
    assert old in MODULE
    before, after = (behaviour(text, "toy") for text in (MODULE, MODULE.replace(old, new)))
    return ast.dump(before) == ast.dump(after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Words."""', '"""Other words."""'),
        ('"""Of numbers."""', ""),
        ('"""Their sum."""\n', "# Their sum.\n"),
        ("are too many", "are more than wanted"),
        ("{_some(numbers)} are", "{len(numbers)} numbers are"),
        ("numbers[:2]", "numbers[:4]"),
        ('f"{number} is large"', 'f"{number} is larger than 9"'),
        ('numbers, "none"', 'numbers, "there are none"'),
        ("{len(numbers)} numbers", "{len(numbers)} values"),
        ('"numbers:"', '"values:"'),
        ('desc="sum"', 'desc="adding", leave=False'),
        ('description="how many"', 'description="their number"'),
        ("count: int = Field(5", "count: int = Field(6"),
        ("from pydantic import BaseModel, Field", "from pydantic import BaseModel, Field, field_validator"),
        (
            "    def twice",
            "    @field_validator('count')\n    def check(cls, n):\n        return n\n\n    def twice",
        ),
    ],
)
def test_words_and_declarations_do_not_count(old, new):
    assert same(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("2 * self", "3 * self"),
        ("len(numbers) > LIMIT", "len(numbers) >= LIMIT"),
        ('many", len(numbers))', 'many", 0)'),
        ("raise ToyError(_large", "raise ValueError(_large"),
        ("return sum(", "return max("),
        ("from toy.errors import ToyError", "from toy.others import ToyError"),
        ("assert numbers,", "assert all(numbers),"),
        ("sum(tqdm(numbers,", "sum(tqdm(numbers[1:],"),
    ],
)
def test_everything_else_counts(old, new):
    assert not same(old, new)


def test_a_private_function_that_computes_something_counts():
    used = MODULE.replace("return sum(", "_some(numbers)\n    return sum(")
    changed = used.replace("numbers[:2]", "numbers[:4]")
    assert ast.dump(behaviour(used, "toy")) != ast.dump(behaviour(changed, "toy"))


def test_text_that_is_used_counts():
    module = "def name(clip):\n    return f'{clip} of LR'\n"
    changed = module.replace("LR", "HR")
    assert ast.dump(behaviour(module)) != ast.dump(behaviour(changed))
