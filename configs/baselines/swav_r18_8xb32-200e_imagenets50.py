_base_ = [
    "../_base_/models/swav_r18.py",
    "../_base_/datasets/imagenets_simclr.py",
    "../_base_/schedules/lars_warmup.py",
    "../_base_/default_runtime.py",
]
# The crops, prototypes and queue of PASS on this data.
view_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(
        type="MultiCrop",
        groups=[dict(size=224, number=2, scale=(0.14, 1.0)), dict(size=96, number=6, scale=(0.05, 0.14))],
    ),
    dict(type="mmpretrain.PackInputs", input_key="crops"),
]
train_dataloader = dict(dataset=dict(pipeline=view_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.6), paramwise_cfg=None)
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0.0006, by_epoch=True, convert_to_iter_based=True)]
# Frozen prototypes have no gradient.
model_wrapper_cfg = dict(find_unused_parameters=True)
default_hooks = dict(
    swav=dict(
        type="mmpretrain.SwAVHook",
        priority="VERY_HIGH",
        batch_size=32,
        epoch_queue_starts=15,
        feat_dim=128,
        queue_length=2048,
        frozen_layers_cfg=dict(prototypes=1001),
    )
)
