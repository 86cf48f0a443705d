_base_ = "../pass/pass-finetune_efficientnet-lite0_1xb32-6e_flowers15.py"
model = dict(
    backbone=dict(output_stride=16),
    # With one_cluster=False, for photos of several things, the evidence counts.
    test_cfg=dict(refine=dict(type="GrabCut", sure_foreground=0.9), image_evidence=1.0, one_cluster=True),
)
label_root = "work_dirs/pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15/pixel_labels"
train_dataloader = dict(dataset=dict(label_root=label_root))
# With a tenth of the rate the backbone hardly changes in 180 iterations.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5))))
