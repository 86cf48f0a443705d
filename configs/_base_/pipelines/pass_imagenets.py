protocol = "unsupervised protocol: from scratch"
warm_start = None
# The last epoch is scored by the test that follows, not also by fine-tuning itself.
overrides = dict(finetune=dict(train_cfg=dict(val_begin=21)))
controls = []
panel = dict(num_images=8)
submission = dict(
    name="PASS",
    training_scheme="fully unsupervised",
    link="https://arxiv.org/abs/2106.03149",
    description="Deep-to-shallow and pixel-to-pixel alignment, pixel attention, clustering and fine-tuning; by mmluss.",
)
