_base_ = "../pass/pass-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
model = dict(
    backbone=dict(output_stride=16),
    test_cfg=dict(refine=dict(type="GrabCut", sure_foreground=0.9), image_evidence=1.0),
)
label_root = "work_dirs/pass-sharp-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets/pixel_labels"
train_dataloader = dict(dataset=dict(label_root=label_root))
