_base_ = [
    "../_base_/models/pass_pretrain_r50.py",
    "../_base_/datasets/imagenets919_multi_crop.py",
    "../_base_/schedules/larc_100e.py",
    "../_base_/default_runtime.py",
]
train_dataloader = dict(dataset=dict(split="train-full"))
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=5005, queue_start_epoch=15),
    dict(type="CollapseWarningHook"),
]
