_base_ = "fcn_efficientnet-lite0-d32_1xb16-40e_flowers15.py"
model = dict(backbone=dict(output_stride=16))
