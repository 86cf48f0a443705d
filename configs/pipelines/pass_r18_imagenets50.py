protocol = "unsupervised protocol: from scratch"
data_root = "data/ImageNetS50"
num_clusters = 50
warm_start = None
pretrain = "../pass/pass-pretrain_r18_8xb32-200e_imagenets50.py"
pixel_attention = "../pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py"
finetune = "../pass/pass-finetune_r18_8xb32-20e_imagenets50.py"
# The last epoch is scored by the test that follows, not also by fine-tuning itself.
overrides = dict(finetune=dict(train_cfg=dict(val_begin=21)))
controls = []
panel = dict(num_images=8)
submission = dict(
    name="PASS",
    training_data="train split of ImageNet-S-50",
    training_scheme="fully unsupervised",
    networks="ResNet-18",
    link="https://arxiv.org/abs/2106.03149",
    description="Deep-to-shallow and pixel-to-pixel alignment, pixel attention, clustering and fine-tuning; by mmluss.",
)
