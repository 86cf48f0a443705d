custom_imports = dict(imports=["mmluss"], allow_failed_imports=False)
default_scope = "mmseg"
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    # Seconds. Processes may wait for one that has a k-means restart more to do, longer than NCCL's ten minutes.
    dist_cfg=dict(backend="nccl", timeout=14400),
)
# Turns BN into SyncBN in distributed runs only, so that the same config runs on a CPU.
sync_bn = "torch"
# mmengine's wrapper that also takes models on CPUs; its runner looks for wrappers in its own scope.
model_wrapper_cfg = dict(type="mmseg.LUSSDataParallel")
randomness = dict(seed=0)
default_hooks = dict(
    runtime_info=dict(type="LateRuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="WholeCheckpointHook", interval=1, max_keep_ckpts=2),
    checkpoint_check=dict(type="CheckpointCheckHook"),
    score_files=dict(type="ScoreFilesHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="LUSSVisualizationHook"),
    cluster_names=dict(type="ClusterNamesHook"),
    saved_config=dict(type="SavedConfigHook"),
    epoch_seed=dict(type="EpochSeedHook"),
    finite_loss=dict(type="FiniteLossHook"),
    id_check=dict(type="IdCheckHook"),
)
vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(type="ClusterLocalVisualizer", vis_backends=vis_backends, name="visualizer")
log_processor = dict(by_epoch=True)
log_level = "INFO"
load_from = None
resume = False
# tools/test.py --tta; the passes are the data set's tta_pipeline.
tta_model = dict(type="LUSSTTAModel")
