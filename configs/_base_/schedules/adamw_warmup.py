# 5e-4 is the learning rate of a global batch of 256; auto_scale_lr.enable=True fits it to another.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-4, weight_decay=0.05),
    constructor="LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(decay_rate=0.6),
)
param_scheduler = [dict(type="WarmupCosineLR", warmup=5, min_lr=1e-6, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=256)
train_cfg = dict(type="FullBatchTrainLoop", max_epochs=100, val_interval=100)
