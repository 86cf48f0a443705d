# The semi-supervised recipe for 150 photos with masks and a CPU: a small backbone, small batches, a larger step.
_base_ = [
    "../_base_/models/fcn_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_semi.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone.")
    ),
    decode_head=dict(num_classes=16),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
val_evaluator = test_evaluator = dict(matching="identity")
optim_wrapper = dict(optimizer=dict(lr=2e-3), paramwise_cfg=dict(decay_rate=0.85))
train_cfg = dict(max_epochs=40, val_interval=40)
default_hooks = dict(checkpoint=dict(interval=10), logger=dict(interval=9))
