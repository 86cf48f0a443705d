_base_ = [
    "../_base_/models/knn_r50.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/default_runtime.py",
]
# Images differ in size: benchmarking convolutions anew for each size costs more than it gains.
env_cfg = dict(cudnn_benchmark=False)
support_dataset = dict(
    type="ImageNetSDataset",
    data_root=_base_.data_root,
    subset=919,
    split="train-semi",
    pipeline=_base_.test_pipeline,
    test_mode=True,
)
default_hooks = dict(support=dict(type="SupportHook", dataset=support_dataset, num_workers=4))
val_evaluator = test_evaluator = dict(matching="identity")
