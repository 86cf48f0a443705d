# Steps 2.1 to 2.4 on a backbone that comes trained, in place of step 1's; see docs/any_backbone.md.
_base_ = [
    "../_base_/models/pass-pixel-attention_vit-s16.py",
    "../_base_/datasets/imagenets_multi_crop.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/dino_deitsmall16_pretrain.pth")))
# The network pads images to whole patches, which would shift its maps against the image.
whole_patches = dict(type="ResizeToMultiple", size_divisor=32)
test_pipeline = [_base_.load_image, _base_.resize, whole_patches, _base_.load_labels, _base_.pack]
train_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50, pipeline=test_pipeline))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
train_cfg = dict(max_epochs=20)
default_hooks = dict(
    prototypes=dict(type="PrototypeHook"),
    prototype_kmeans=dict(type="PrototypeKMeansHook"),
    collapse_warning=dict(type="CollapseWarningHook"),
    pseudo_labels=dict(type="PseudoLabelHook", num_clusters=50),
)
