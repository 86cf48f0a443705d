_base_ = "pass-finetune_r18_8xb32-20e_imagenets50.py"
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention-saliency_r18_8xb32-20e_imagenets50/pixel_labels")
)
