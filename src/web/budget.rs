//! Budgets of who asks: whether there is something left, and how much.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    budget::{BudgetMonth, MonthlyBudget, Spender, Spending},
    database::{DatabaseError, Reader, timestamp},
    project::ProjectName,
    session::Resources,
    webhook::event::{BudgetEvent, WebhookEvent},
};

/// A budget of this month and what is spent of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetStatus {
    pub(crate) spent: Spending,
    pub(crate) budget: MonthlyBudget,
    /// How much is used up, of whichever limit is nearest: 1 is all.
    pub(crate) share: f64,
}

/// What the person and the project have spent this month, where they have a budget.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetStatuses {
    /// The month, such as `November 2026`, in UTC.
    pub(crate) month: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<BudgetStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<BudgetStatus>,
}

/// Looks whether a user may ask in a project, and answers why not. `None` where no budget applies.
pub(crate) fn check(
    resources: &Resources,
    user: Option<&str>,
    project: &ProjectName,
) -> Option<impl Future<Output = Result<Option<String>, DatabaseError>> + use<>> {
    let budgets = Budgets::of(resources, user)?;
    let (reader, project) = (resources.reader.clone(), project.clone());
    let (webhooks, user) = (resources.webhooks.clone(), user.map(str::to_owned));
    Some(async move {
        let month = BudgetMonth::of(OffsetDateTime::now_utc());
        let name = project.clone();
        let (of_user, of_project) =
            reader.ask(move |reader| budgets.read(reader, &name, month)).await?;
        let refusal = |status: Option<BudgetStatus>, spender| {
            status.and_then(|it| it.budget.refusal(it.spent, spender, month))
        };
        let of_project = refusal(of_project, Spender::Project(project.as_str()));
        let of_user = refusal(of_user, Spender::User);
        let is_users = of_user.is_some();
        let refused = of_user.or(of_project);
        if let Some(message) = &refused {
            let (project, user) = (&project, user.as_deref());
            let event = BudgetEvent { project, user, is_users, month, message };
            webhooks.tell(&WebhookEvent::BudgetReached(event));
        }
        Ok(refused)
    })
}

/// How the budgets stand.
pub(crate) async fn statuses(
    resources: &Resources,
    user: Option<&str>,
    project: ProjectName,
) -> Result<BudgetStatuses, DatabaseError> {
    let month = BudgetMonth::of(OffsetDateTime::now_utc());
    let (user, project) = match Budgets::of(resources, user) {
        Some(budgets) => {
            resources.reader.ask(move |reader| budgets.read(reader, &project, month)).await?
        }
        None => (None, None),
    };
    Ok(BudgetStatuses { month: month.to_string(), user, project })
}

/// The budgets that apply to somebody's question.
struct Budgets {
    user: Option<(String, MonthlyBudget)>,
    project: Option<MonthlyBudget>,
}

impl Budgets {
    fn of(resources: &Resources, user: Option<&str>) -> Option<Self> {
        let settings = &resources.live.get().budgets;
        let limited = |budget: MonthlyBudget| Some(budget).filter(|it| !it.is_unlimited());
        let user = user.zip(limited(settings.user())).map(|(name, of)| (name.to_owned(), of));
        let project = limited(settings.project());
        (user.is_some() || project.is_some()).then_some(Self { user, project })
    }

    /// That of the user, and that of the project.
    fn read(
        &self,
        reader: &Reader,
        project: &ProjectName,
        month: BudgetMonth,
    ) -> Result<(Option<BudgetStatus>, Option<BudgetStatus>), DatabaseError> {
        let from = timestamp(month.start());
        let status = |budget: MonthlyBudget, spent| BudgetStatus {
            spent,
            budget,
            share: budget.share(spent),
        };
        let of_user = match &self.user {
            Some((name, budget)) => Some(status(*budget, reader.user_spending(name, &from)?)),
            None => None,
        };
        let of_project = match self.project {
            Some(budget) => Some(status(budget, reader.project_spending(project, &from)?)),
            None => None,
        };
        Ok((of_user, of_project))
    }
}
