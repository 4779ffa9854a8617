"""LeNet-5 and MLP ablations of sparse connectivity and weight sharing."""
