//! What every layer has around the work that is its own.

/// Makes of `NameLayer => NameService { setting: Type }` the service, and the layer's one function: the
/// service has what it wraps as `inner`, and those settings of the layer.
macro_rules! service_of {
    ($layer:ident => $service:ident { $($setting:ident: $kind:ty),* }) => {
        impl<S> ::tower::Layer<S> for $layer {
            type Service = $service<S>;

            fn layer(&self, inner: S) -> Self::Service {
                $service {
                    inner,
                    $($setting: Clone::clone(&self.$setting),)*
                }
            }
        }

        #[doc = concat!("The service made by [`", stringify!($layer), "`].")]
        #[derive(Clone, Debug)]
        pub struct $service<S> {
            pub(crate) inner: S,
            $(pub(crate) $setting: $kind,)*
        }
    };
}
pub(crate) use service_of;
