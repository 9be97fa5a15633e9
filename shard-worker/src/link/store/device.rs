//! The device itself: who it is, and its own keys.

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::DeviceStore;

use super::Store;

pub(in crate::link) const DEVICE: &str = "device";

#[async_trait]
impl DeviceStore for Store {
    async fn save(&self, device: &Device) -> Result<()> {
        self.write(DEVICE, b"", device).await
    }

    async fn load(&self) -> Result<Option<Device>> {
        self.read(DEVICE, b"").await
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.get(DEVICE, b"").await?.is_some())
    }

    /// One store is one device.
    async fn create(&self) -> Result<i32> {
        if !self.exists().await? {
            self.save(&Device::new()).await?;
        }
        Ok(1)
    }

    /// Nothing of it is in this process.
    async fn resource_report(&self) -> StorageResourceReport {
        StorageResourceReport {
            memory_bytes: Some(0),
            ..StorageResourceReport::default()
        }
    }
}
