import numpy as np
import pandas as pd

from grokbook.figures.training_curves import describe


def run(**columns: list[float]) -> pd.DataFrame:
    rows = len(columns["test_accuracy"])
    defaults = {
        "seed": 0,
        "step": range(0, 10 * rows, 10),
        "train_accuracy": np.ones(rows),
        "weight_norm": np.ones(rows),
    }
    return pd.DataFrame(defaults | columns)


def test_description_tells_the_numbers_of_the_data():
    runs = run(
        test_accuracy=[0.125, 0.25, 0.75, 0.75],
        train_accuracy=[0.5, 1, 1, 1],
        weight_norm=[2.0, 5.5, 3.0, 1.0],
    )
    text = describe("Panel", runs, ("test_accuracy", "weight_norm"), (0.5, 0.9))
    assert text == (
        "Panel, seed 0, steps 0 to 30: test accuracy from 0.125 to 0.75; weight norm ‖W‖₂"
        " from 2 to 1, largest 5.5 at step 10. Train accuracy reaches 100 % at step 10; test"
        " accuracy stays above 50 % from step 20;"
        " test accuracy stays above 90 % from no step of the run."
    )
