# A feature pyramid of four stages in place of the deepest one alone.
_base_ = "../pass/pass-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
model = dict(
    backbone=dict(out_indices=(1, 2, 3, 4), output_stride=16, frozen_stages=2),
    neck=dict(type="FPN", in_channels=[24, 40, 112, 320], out_channels=64, num_outs=4),
    decode_head=dict(
        _delete_=True,
        type="FPNHead",
        in_channels=[64, 64, 64, 64],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 16],
        channels=64,
        num_classes=10,
        ignore_index=1000,
        norm_cfg=dict(type="BN"),
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    ),
    test_cfg=dict(refine=dict(type="GrabCut", sure_foreground=0.9), image_evidence=1.0),
)
label_root = "work_dirs/pass-sharp-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets/pixel_labels"
train_dataloader = dict(dataset=dict(label_root=label_root))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5))))
