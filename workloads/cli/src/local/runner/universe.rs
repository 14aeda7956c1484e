//! A universe in this process.

use ats_crds::{Reason, TradingUniverse};
use ats_pipeline::{
    check, plan,
    status::{
        Situation,
        universe::{conclude, judge},
    },
};

use super::Runner;
use crate::{Failure, local::object::Object};

impl Runner {
    pub(super) async fn universe(&self, object: &mut TradingUniverse) -> Result<(), Failure> {
        let before = self.begin(object)?;
        let checked = match check::universe(&object.spec) {
            Ok(checked) => checked,
            Err(problems) => {
                judge(object.common_mut(), &before, &Situation::Refused(problems), None);
                return Ok(());
            }
        };
        let Some(as_of) = checked.as_of(self.now) else {
            let message = "no session is complete yet since history.start".to_owned();
            judge(object.common_mut(), &before, &Situation::Waiting(Reason::Progressing, message), None);
            return Ok(());
        };
        let progress = self.stages(object, |known| plan::universe(&checked, as_of, known)).await?;
        let status = object.status_mut();
        progress.put_into(status);
        conclude(status, &before, as_of, progress.way(), &progress.told);
        Ok(())
    }
}
