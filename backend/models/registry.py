"""Which class stands behind which kind of model; loads it, and TensorFlow with it, on first use."""

from backend.ports import Model
from backend.services.loading import load_module
from backend.specs import ModelSpec

KINDS: dict[str, str] = {
    "dense_autoencoder": "backend.models.dense_autoencoder:DenseAutoencoder",
    "lstm_autoencoder": "backend.models.lstm_autoencoder:LstmAutoencoder",
    "gru_autoencoder": "backend.models.gru_autoencoder:GruAutoencoder",
    "rnn_autoencoder": "backend.models.rnn_autoencoder:RnnAutoencoder",
    "conv_autoencoder": "backend.models.conv_autoencoder:ConvAutoencoder",
    "variational_autoencoder": "backend.models.variational_autoencoder:VariationalAutoencoder",
    "forecaster": "backend.models.forecaster:Forecaster",
    "aer": "backend.models.aer:Aer",
    "rapp": "backend.models.rapp:Rapp",
    "embedded": "backend.models.embedded:Embedded",
    "deep_svdd": "backend.models.deep_svdd:DeepSvdd",
    "transformation": "backend.models.transformation:Transformation",
    "gan": "backend.models.gan:Gan",
    "pca": "backend.models.pca:Pca",
    "dpca": "backend.models.dpca:DynamicPca",
    "mahalanobis": "backend.models.mahalanobis:Mahalanobis",
    "conditional_gaussian": "backend.models.conditional_gaussian:ConditionalGaussian",
    "gaussian_mixture": "backend.models.gaussian_mixture:GaussianMixture",
    "ensemble": "backend.models.ensemble:Ensemble",
    "robust_z": "backend.models.robust_z:RobustZ",
    "k_nearest": "backend.models.k_nearest:KNearest",
    "local_outlier_factor": "backend.models.local_outlier_factor:LocalOutlierFactor",
    "isolation_forest": "backend.models.isolation_forest:IsolationForest",
    "one_class_svm": "backend.models.one_class_svm:OneClassSvm",
    "kernel_density": "backend.models.kernel_density:KernelDensity",
    "matrix_profile": "backend.models.matrix_profile:MatrixProfile",
    "seasonal_quantile": "backend.models.seasonal_quantile:SeasonalQuantile",
}


def build(spec: ModelSpec, series: int, channels: int) -> Model:
    """Make an untrained model; a `backend.ports.ModelFactory`.

    Args:
        spec: kind and settings.
        series: S, how many members the fleet has.
        channels: F, how many channels every member has.

    Raises:
        ConfigurationError: the settings contradict each other.
    """
    module, _, name = KINDS[spec.kind].partition(":")
    model: Model = getattr(load_module(module), name)(spec, series, channels)
    return model
