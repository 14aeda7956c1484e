"""Bars for scripts that run other engines: integers from a splitmix64 generator, so that the tests make the same ones
(`tests/suite/common/made_up.rs`); and the project's sizing.
"""

MASK = (1 << 64) - 1
SESSIONS = 756
TICKERS = [f"T{number}" for number in range(10)]


class Numbers:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % n


def bars(ticker, count=SESSIONS):
    """Open, high, low, close in cents, and volume. A walk with gaps."""
    n = Numbers(1000 + ticker)
    last = 4000 + 700 * ticker
    rows = []
    for _ in range(count):
        gap = n.below(121) - 60
        if n.below(40) == 0:
            gap *= 3
        open_ = last + last * gap // 10000
        close = open_ + open_ * (n.below(401) - 197 - ticker % 3) // 10000
        high = max(open_, close) + open_ * n.below(90) // 10000
        low = min(open_, close) - open_ * n.below(90) // 10000
        rows.append((open_, high, low, close, 50_000 + n.below(100_000)))
        last = close
    return rows


def at_weight(weight, equity, price, held, commission):
    """The project's sizing: the largest q with q x price <= weight x (equity - commission of the order)."""
    quantity = int(weight * equity / price)
    while int(weight * (equity - commission(abs(quantity - held), price)) / price) < quantity:
        quantity -= 1
    return quantity
