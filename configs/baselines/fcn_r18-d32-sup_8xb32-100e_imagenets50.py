# Free protocol: an upper bound with every label there is, from the classifier of image-level labels.
_base_ = "../semi/fcn_r18-d32_8xb32-100e_imagenets50.py"
model = dict(backbone=dict(init_cfg=dict(checkpoint="work_dirs/classifier_r18_8xb32-100e_imagenets50/epoch_100.pth")))
