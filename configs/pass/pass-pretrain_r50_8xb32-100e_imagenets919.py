_base_ = [
    "../_base_/models/pass-pretrain_r50.py",
    "../_base_/datasets/imagenets_multi_crop.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
train_dataloader = dict(dataset=dict(split="train-full"))
train_cfg = dict(max_epochs=100, val_interval=100)
default_hooks = dict(
    prototypes=dict(type="PrototypeHook", freeze_iters=5005, queue_start_epoch=15),
    collapse_warning=dict(type="CollapseWarningHook"),
)
