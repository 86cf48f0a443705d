# Free protocol: a backbone trained with ImageNet's labels, for comparison.
_base_ = "fcn_r50-d32_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(init_cfg=dict(_delete_=True, type="Pretrained", checkpoint="torchvision://resnet50")),
)
