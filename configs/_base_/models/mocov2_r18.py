_base_ = "self-supervised_r18.py"
model = dict(
    type="mmpretrain.MoCo",
    neck=dict(type="mmpretrain.MoCoV2Neck", in_channels=512, hid_channels=512, out_channels=128),
    head=dict(type="mmpretrain.ContrastiveHead", loss=dict(type="mmpretrain.CrossEntropyLoss"), temperature=0.2),
    # A queue of 65,536, as on ImageNet, would hold every image of ImageNet-S-50, the one compared with among them.
    queue_len=16384,
    feat_dim=128,
    momentum=0.001,
)
