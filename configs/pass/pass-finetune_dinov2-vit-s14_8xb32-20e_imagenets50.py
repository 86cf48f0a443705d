_base_ = "pass-finetune_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        arch="dinov2-small",
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        init_cfg=dict(checkpoint="checkpoints/dinov2_vits14_pretrain.pth"),
    )
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_dinov2-vit-s14_8xb32-20e_imagenets50/pixel_labels")
)
whole_patches = dict(type="ResizeToMultiple", size_divisor=14)
test_pipeline = [_base_.load_image, _base_.resize, whole_patches, _base_.load_labels, _base_.pack]
tta_passes = [_base_.tta_resizes, [whole_patches], _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
