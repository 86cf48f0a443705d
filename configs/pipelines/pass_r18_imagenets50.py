_base_ = "../_base_/pipelines/pass_imagenets.py"
data_root = "data/ImageNetS50"
num_clusters = 50
pretrain = "../pass/pass-pretrain_r18_8xb32-200e_imagenets50.py"
pixel_attention = "../pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py"
finetune = "../pass/pass-finetune_r18_8xb32-20e_imagenets50.py"
submission = dict(training_data="train split of ImageNet-S-50", networks="ResNet-18")
