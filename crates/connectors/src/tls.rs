//! TLS as all clients use it: certificates of the authorities that this machine trusts, and of those that browsers do.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;

/// For a client that is given an address instead of the name: the certificate must be one of these names.
#[derive(Debug)]
struct Named {
    names: Vec<ServerName<'static>>,
    rest: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut last = Err(Error::General("no name to verify".into()));
        for name in &self.names {
            last = self.rest.verify_server_cert(end, between, name, ocsp, now);
            if last.is_ok() {
                break;
            }
        }
        last
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rest.verify_tls12_signature(message, cert, signed)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rest.verify_tls13_signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rest.supported_verify_schemes()
    }
}

/// Read from files once, when they are needed first.
static ROOTS: OnceCell<Arc<RootCertStore>> = OnceCell::const_new();

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    // What cannot be read of the machine's own does not count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.into()
}

/// `hosts`: one of them must stand in the certificate.
pub async fn config(hosts: &[(String, u16)]) -> Result<ClientConfig, String> {
    let provider: Arc<CryptoProvider> = ring::default_provider().into();
    let roots = ROOTS.get_or_try_init(|| async { tokio::task::spawn_blocking(roots).await }).await;
    let roots = roots.map_err(|error| error.to_string())?.clone();
    let rest = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
    let rest = rest.build().map_err(|error| error.to_string())?;
    let names = hosts.iter().map(|(host, _)| ServerName::try_from(host.clone()));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?.dangerous();
    Ok(builder.with_custom_certificate_verifier(Arc::new(Named { names, rest })).with_no_client_auth())
}
