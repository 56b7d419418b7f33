//! JSON Schema of the configuration file, for editors.

use serde_json::{Value as Json, json};

use schemars::{JsonSchema, generate::SchemaSettings};

use crate::config::{
    forge_table::ForgeTable,
    groups::MAX_MEMBERS,
    keys::{AGENTS, FORGES, GROUPS, Key, PROJECTS, keys, tables},
    settings::agents::{AUTO, AgentConfig},
};

/// What names of agents and forges are.
const AGENT_NAME: &str = "^[A-Za-z0-9_-]{1,50}$";

/// The JSON Schema, indented. Former names are in it, as deprecated.
pub fn schema() -> String {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of Cicerone",
        "type": "object",
        "additionalProperties": false,
    });
    let projects = json!({
        "description": "Projects by name, and their directories.",
        "type": "object",
        "additionalProperties": {"anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {
                    "dir": {"description": "The directory.", "type": "string", "minLength": 1},
                    "git": {
                        "description": "The address of a git repository, in place of `dir`.",
                        "type": "string",
                        "minLength": 1,
                    },
                    "branch": {"description": "Its branch or tag.", "type": "string"},
                    "branches": {
                        "description": "Several of them, each a project; the first has the name.",
                        "type": "array",
                        "items": {"type": "string"},
                    },
                    "refresh": {"description": "Time between two fetches.", "type": "string"},
                    "depth": {"description": "Commits that are fetched.", "type": "integer", "minimum": 1},
                    "user": {"description": "The user of the token.", "type": "string"},
                    "token_file": {"description": "File with a token, for https.", "type": "string"},
                    "credential_helper": {
                        "description": "Program, with its arguments, that tells user and password for https.",
                        "type": "array",
                        "items": {"type": "string"},
                    },
                    "ssh_key": {"description": "File with a private key, for ssh.", "type": "string"},
                    "known_hosts": {"description": "File with keys of servers, for ssh.", "type": "string"},
                    "agent": {
                        "description": "The agent that answers where a conversation names none.",
                        "type": "string",
                    },
                    "instructions": {
                        "description": "File with what its agents are told besides.",
                        "type": "string",
                    },
                    "repository_instructions": {
                        "description": "Whether its agents are told its AGENTS.md or CLAUDE.md.",
                        "type": "boolean",
                    },
                    "access": {
                        "description": "People and groups for whom it exists; none: for everybody.",
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                    },
                },
                "oneOf": [{"required": ["dir"]}, {"required": ["git"]}],
                "additionalProperties": false,
            },
        ]},
    });
    insert(&mut root, PROJECTS, projects);
    insert(&mut root, GROUPS, groups());
    let agents = json!({
        "description": "Agents by name.",
        "type": "object",
        "propertyNames": {"pattern": AGENT_NAME, "not": {"const": AUTO}},
        "additionalProperties": agent_schema(),
    });
    insert(&mut root, AGENTS, agents);
    let forges = json!({
        "description": "Forges and lists by name, whose repositories are projects.",
        "type": "object",
        "propertyNames": {"pattern": AGENT_NAME},
        "additionalProperties": forge_schema(),
    });
    insert(&mut root, FORGES, forges);
    for key in keys() {
        insert(&mut root, &key.path, key.schema.clone().into());
    }
    for key in keys() {
        if let Some(former_path) = &key.former_path {
            insert(&mut root, former_path, deprecated(key));
        }
    }
    for table in tables() {
        let path = table.path.replace('.', "/properties/");
        if let Some(Json::Object(object)) = root.pointer_mut(&format!("/properties/{path}")) {
            object.insert("description".into(), table.description.clone().into());
        }
    }
    format!("{root:#}\n")
}

/// The table of groups.
fn groups() -> Json {
    let members = json!({
        "description": "Names of projects.",
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "maxItems": MAX_MEMBERS,
        "uniqueItems": true,
    });
    json!({
        "description": "Groups by name, and the projects that one conversation in them is about.",
        "type": "object",
        "additionalProperties": {"anyOf": [
            members,
            {
                "type": "object",
                "properties": {
                    "projects": members,
                    "agent": {
                        "description": "The agent that answers where a conversation names none.",
                        "type": "string",
                    },
                },
                "required": ["projects"],
                "additionalProperties": false,
            },
        ]},
    })
}

/// What a table of an agent may hold.
pub(super) fn agent_schema() -> Json {
    schema_of::<AgentConfig>()
}

/// What a table of a forge may hold.
pub(super) fn forge_schema() -> Json {
    schema_of::<ForgeTable>()
}

fn schema_of<T: JsonSchema>() -> Json {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("$schema");
    schema.remove("title");
    schema.to_value()
}

/// Adds a property, and the tables in its path where they are missing.
fn insert(schema: &mut Json, path: &str, property: Json) {
    let Some((table, rest)) = path.split_once('.') else {
        schema["properties"][path] = property;
        return;
    };
    let table = &mut schema["properties"][table];
    if table.is_null() {
        *table = json!({"type": "object", "additionalProperties": false});
    }
    insert(table, rest, property);
}

/// The property of the former name of a key.
fn deprecated(key: &Key) -> Json {
    let mut property = key.schema.clone();
    property.insert("description".into(), format!("Deprecated: use `{}`.", key.path).into());
    property.insert("deprecated".into(), true.into());
    property.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_a_property_and_a_former_one_is_deprecated() {
        let schema: Json = serde_json::from_str(&schema()).unwrap();
        let property = |path: &str| {
            let path = format!("/properties/{}", path.replace('.', "/properties/"));
            schema.pointer(&path).unwrap_or_else(|| panic!("no {path}"))
        };
        for key in keys() {
            assert_eq!(property(&key.path)["description"], key.description);
            if let Some(former_path) = &key.former_path {
                assert_eq!(property(former_path)["deprecated"], true);
            }
        }
        assert_eq!(property("limits.agents")["default"], 16);
        assert_eq!(property("limits")["additionalProperties"], false);
    }
}
