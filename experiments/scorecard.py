"""Which recorded networks stand on the scorecard of docs/history.md: one arm for each figure of a paper.

Where several arms repeat a figure, it is the one with the values that validation images selected, LeNet-5's
damping and the initial weights of the fully connected networks among them; the Newton step for the networks
of the zip code paper, and digits at four positions for Net-1 to Net-5.
"""

from lenet_jax.report.scorecard import Entry

_NETS = ("256-10", "256-12-10", "local, unshared", "shared, then unshared", "shared")
_FIGURE_9 = {
    "linear": "linear classifier",
    "mlp_300": "28x28-300-10",
    "mlp_1000": "28x28-1000-10",
    "mlp_300_100": "28x28-300-100-10",
    "mlp_500_150": "28x28-500-150-10",
    "lenet1": "LeNet-1",
    "lenet4_nearest": "LeNet-4, the nearest that can be built",
    "lenet5_dist": "LeNet-5, distorted images",
    "mlp_300_dist": "28x28-300-10, distorted images",
    "mlp_1000_dist": "28x28-1000-10, distorted images",
    "mlp_300_100_dist": "28x28-300-100-10, distorted images",
    "mlp_500_150_dist": "28x28-500-150-10, distorted images",
}

ENTRIES = (
    Entry("zip code net", 1989, "zipcode", "zipcode_lm", "zip code"),
    Entry("control: one hidden layer of 40", 1989, "zipcode", "control_lm", "zip code"),
    *(
        Entry(f"Net-{number}: {words}", 1989, "nets_1989", f"net{number}_positions", "five nets")
        for number, words in enumerate(_NETS, 1)
    ),
    Entry("LeNet-5", 1998, "figure9", "lenet5", "LeNet-5"),
    *(Entry(words, 1998, "figure9", arm, "figure 9") for arm, words in _FIGURE_9.items()),
)
