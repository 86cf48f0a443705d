# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently for a few epochs.
_base_ = [
    "../_base_/models/pass_pretrain_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/schedules/adam_short.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        frozen_stages=4,
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone."),
    ),
    embedding_dim=64,
)
train_dataloader = dict(batch_size=64, dataset=dict(data_root="data/Flowers15"))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, end=10, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=10)
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeKMeansHook"),
    dict(type="PrototypeHook", freeze_iters=30, queue_start_epoch=0),
    dict(type="CollapseWarningHook", interval=15),
]
