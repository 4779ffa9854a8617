"""The names of datasets as people write them."""

DATASETS = {"mnist_5k": "MNIST-5k", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "usps": "USPS"}


def dataset_words(dataset: str) -> str:
    """ "Fashion-MNIST" of fashion_mnist; the name of a dataset that is written like its name, and a path."""
    return DATASETS.get(dataset, dataset)
