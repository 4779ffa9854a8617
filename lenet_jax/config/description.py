from lenet_jax.config.identity import complete
from lenet_jax.training.distortion import DISTORTIONS
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT

PAPERS_WEIGHTS = {}


def describe_protocol(fields, train_images: int) -> str:
    """How a run is trained, in a few words."""
    config = complete(fields)
    train = {name.removeprefix("train."): it for name, it in config.items() if name.startswith("train.")}
    words = [
        f"{train['epochs']} epochs of {train_images:,}",
        f"batch {train['batch_size']}",
        train["loss"].replace("_", " "),
        f"{train['optimizer'].replace('_', ' ')} {train['learning_rate']:g} ({train['schedule']})",
    ]
    if train["optimizer"] == LEVENBERG_MARQUARDT:
        words.append(f"damping {train['damping']:g}")
        words.append(f"{train['curvature']} curvature")
    else:
        words.append(f"momentum {train['momentum']:g}")
    if train["weight_decay"]:
        words.append(f"weight decay {train['weight_decay']:g}")
    if train["loss"] == "rbf_competitive":
        words.append(f"j {train['rbf_j']:g}")
    if train["loss"] == "squared_error":
        words.append(f"targets {train['target_low']:g} and {train['target_high']:g}")
    if train["select_epoch"] == "best_validation":
        words.append("epoch chosen on validation")
    if train["order"] == "constant":
        words.append("constant order")
    if config["data.box"] != complete({})["data.box"]:
        words.append(f"digits of {config['data.box']}x{config['data.box']}")
    if config["data.move"]:
        words.append(f"each moved by up to {config['data.move']}")
    if config["data.positions"] > 1:
        words.append(f"each at {config['data.positions']} positions")
    if config["distortion.probability"]:
        limits = [f"{kind} {config[f'distortion.{kind}']:g}" for kind in DISTORTIONS]
        words.append(f"{config['distortion.probability']:.0%} distorted ({', '.join(limits)})")
    if config["model.initialisation"] in PAPERS_WEIGHTS:
        words.append(PAPERS_WEIGHTS[config["model.initialisation"]])
    if config["model.dropout"]:
        words.append(f"dropout {config['model.dropout']:g}")
    return ", ".join(words)
