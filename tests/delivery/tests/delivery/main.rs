//! Images, environments, workflows: what delivers the software is held to rules, as the software is.

mod docs;
mod environments;
mod flows;
mod images;
mod workflows;
