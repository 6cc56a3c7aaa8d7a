"""Renders the chart in many ways and checks what comes out. ci/deploy runs it, with the libraries that it needs.

Every folder of fixtures/deploy is a case: values.yaml, and expected.yaml with parts of the objects by kind and name.
Its key `objects` lists all of them, `notes` has parts of the notes, `kubernetes` is the oldest release that takes them.
fixtures/deploy/refused.yaml lists values that are refused, with a part of the message.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path

import helm_python
import kubernetes_validate
import yaml
from helm_python import _native

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/chart/istio-cni"
MANIFESTS = ROOT / "deploy/manifests"
FIXTURES = ROOT / "fixtures/deploy"
README = (ROOT / "deploy/README.md").read_text()
NAMESPACE = "istio-system"

# The chart's oldest Kubernetes, and the newest that there are schemas for.
RELEASES = ("1.25", kubernetes_validate.latest_version())
# Not Kubernetes' own, so that there is no schema.
FOREIGN = {"k8s.cni.cncf.io/v1 NetworkAttachmentDefinition"}
# The order in which things must come to be.
ORDER = ["ResourceQuota", "ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
         "NetworkPolicy", "NetworkAttachmentDefinition", "DaemonSet"]
# Files of deploy/manifests, by the values that they are rendered with.
RENDERED = {"istio-cni.yaml": {}, "istio-cni-openshift.yaml": {"global": {"platform": "openshift"}}}
# Variables that say which pod the agent's Events are about.
FOR_EVENTS = {"POD_NAME", "POD_UID"}
# Keys that are accepted for the sake of Istio's values, and are not in values.yaml.
SILENT = {"ambient.enablementSelectors", "ambient.configDir", "ambient.dnsCapture", "ambient.ipv6",
          "ambient.reconcileIptablesOnStartup", "ambient.shareHostNetworkNamespace",
          "ambient.enableAmbientDetectionRetry", "repair.hub", "repair.tag"}
# Fields of Kubernetes objects that have no default.
OPTIONAL = {"resources.limits", "global.defaultResources.limits", "seccompProfile.localhostProfile"}


class Rendering:
    """The chart rendered with some values."""

    def __init__(self, values, kubernetes=None):
        CHART_HANDLE.validate_schema(values)
        options = {"name": "istio-cni", "namespace": NAMESPACE}
        if kubernetes:
            # Chart.render has no parameter for it.
            options["kube_version"] = kubernetes
            files = json.loads(_native.call_string(
                "helm_render", CHART_HANDLE._raw(), json.dumps(values), json.dumps(options)))
        else:
            files = CHART_HANDLE.render(values, **options)
        self.values = values
        self.notes = files.pop("istio-cni/templates/NOTES.txt")
        self.texts = [text.strip() for file in files.values() for text in re.split(r"(?m)^---$", file) if text.strip()]
        self.objects = {}
        for text in self.texts:
            rendered = yaml.load(text, Loader=UniqueKeys)
            name = label(rendered)
            require(name not in self.objects, f"{name} is there twice")
            self.objects[name] = rendered

    def of_kind(self, kind):
        return [rendered for rendered in self.objects.values() if rendered["kind"] == kind]


class UniqueKeys(yaml.SafeLoader):
    """A key that is there twice is a mistake that YAML readers pass over."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        require(not twice, f"keys that are there twice: {twice}")
        return super().construct_mapping(node, deep)


class Problem(Exception):
    pass


def require(claim, text):
    if not claim:
        raise Problem(text)


def label(rendered):
    namespace = rendered["metadata"].get("namespace", NAMESPACE)
    where = "" if namespace == NAMESPACE else f"{namespace}/"
    return f"{rendered['kind']}/{where}{rendered['metadata']['name']}"


# What holds for every rendering.

@cache
def fits_schema(text, release):
    """Kubernetes of that release takes the object as it is, and knows every field."""
    rendered = json.loads(text)
    try:
        kubernetes_validate.validate(rendered, release, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(map(str, error.path))
        return f"{label(rendered)} is not valid in Kubernetes {release}: {path}: {error.message}"
    return None


def check_schema(rendering, oldest):
    for rendered in rendering.objects.values():
        if f"{rendered['apiVersion']} {rendered['kind']}" in FOREIGN:
            continue
        for release in (oldest, RELEASES[-1]):
            problem = fits_schema(json.dumps(rendered), release)
            require(problem is None, problem)


def check_references(rendering):
    """Whatever an object names is there. Objects that another resourceScope renders are taken for granted."""
    scope = rendering.values.get("global", {}).get("resourceScope", "all")
    objects = rendering.objects
    bound = set()
    for binding in rendering.of_kind("RoleBinding") + rendering.of_kind("ClusterRoleBinding"):
        role = f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"
        require(role in objects, f"{label(binding)} names {role}, which is not there")
        require(role not in bound, f"{role} is bound twice")
        bound.add(role)
        for subject in binding["subjects"]:
            require(subject["namespace"] == NAMESPACE, f"{label(binding)} is for another namespace")
            account = f"{subject['kind']}/{subject['name']}"
            require(account in objects or scope == "cluster", f"{label(binding)} names {account}, which is not there")
    for role in rendering.of_kind("Role") + rendering.of_kind("ClusterRole"):
        require(label(role) in bound, f"{label(role)} is bound to nobody")
        for rule in role["rules"]:
            require("*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], f"{label(role)} has a *")
            for name in rule.get("resourceNames", []):
                kind = {"daemonsets": "DaemonSet", "configmaps": "ConfigMap"}.get(rule["resources"][0])
                require(kind is None or f"{kind}/{name}" in objects, f"{label(role)} names {name}, which is not there")

    for daemon_set in rendering.of_kind("DaemonSet"):
        pod = daemon_set["spec"]["template"]
        container, = pod["spec"]["containers"]
        selected = daemon_set["spec"]["selector"]["matchLabels"].items()
        require(selected <= pod["metadata"]["labels"].items(), "the DaemonSet does not select its own pods")
        for policy in rendering.of_kind("NetworkPolicy"):
            selected = policy["spec"]["podSelector"]["matchLabels"].items()
            require(selected <= pod["metadata"]["labels"].items(), "the NetworkPolicy does not select the pods")
        account = f"ServiceAccount/{pod['spec']['serviceAccountName']}"
        require(account in objects, f"the pods run as {account}, which is not there")

        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = container["volumeMounts"]
        require(sorted(volumes) == sorted(mount["name"] for mount in mounts), "volumes and mounts differ")
        require(len({mount["mountPath"] for mount in mounts}) == len(mounts), "two mounts have the same path")
        for volume in volumes.values():
            name = volume.get("configMap", {}).get("name")
            require(name is None or f"ConfigMap/{name}" in objects, f"ConfigMap {name} is mounted and not there")
        names = [variable["name"] for variable in container["env"]]
        require(len(set(names)) == len(names), "a variable is there twice")

        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        require(environment["HEALTH_PORT"] == str(ports["health"]), "the port of health differs")
        require(environment["MONITORING_PORT"] == str(ports.get("metrics", 0)), "the port of metrics differs")
        scraped = pod["metadata"]["annotations"].get("prometheus.io/port")
        require(scraped == (str(ports["metrics"]) if "metrics" in ports else None), "another port is scraped")
        for probe in ("readinessProbe", "livenessProbe"):
            require(container[probe]["httpGet"]["port"] == ports["health"], f"{probe} asks another port")


def check_security(rendering):
    """What the container may do is what deploy/README.md says, by the features that are on."""
    for daemon_set in rendering.of_kind("DaemonSet"):
        context = daemon_set["spec"]["template"]["spec"]["containers"][0]["securityContext"]
        capabilities = context["capabilities"]
        repair = {"enabled": True, "repairPods": True} | rendering.values.get("repair", {})
        repairs = repair["enabled"] and repair["repairPods"]
        tests = ({"enabled": True} | rendering.values.get("selfTest", {}))["enabled"]
        features = {"always": True, "self-test, repair in place": tests or repairs, "repair in place": repairs}
        wanted = {name for name, (feature, *_) in table("capability").items() if features[feature]}
        require(capabilities["drop"] == ["ALL"], "capabilities are not dropped")
        require(set(capabilities["add"]) == wanted, f"capabilities are {capabilities['add']}, documented are {wanted}")
        require(context["privileged"] is False, "the container is privileged")
        require(context["readOnlyRootFilesystem"] is True, "the container may write to its image")
        # Kubernetes refuses the one beside SYS_ADMIN.
        require(context.get("allowPrivilegeEscalation", True) == (tests or repairs), "privilege escalation")


def check_permissions(rendering):
    documented = {(verb, resource): where for verb, resource, where in (
        (*key.split(" "), row[0]) for key, row in table("permission").items())}
    for role in rendering.of_kind("Role") + rendering.of_kind("ClusterRole"):
        for rule in role["rules"]:
            for verb in rule["verbs"]:
                for resource in rule["resources"]:
                    where = documented.get((verb, resource))
                    require(where and role["kind"] in re.findall(r"\w*Role", where), f"{role['kind']}: {verb} {resource} is not in deploy/README.md")
    return {(verb, resource) for role in rendering.of_kind("Role") + rendering.of_kind("ClusterRole")
            for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}


def check_settings(rendering):
    """The agent knows every key that the chart writes, and has the chart's mounts as its defaults."""
    known = agent_words()
    own = set(rendering.values.get("env") or {})
    for config in rendering.of_kind("ConfigMap"):
        unknown = set(config["data"]) - known - own
        require(not unknown, f"the agent does not know {unknown}")
    for daemon_set in rendering.of_kind("DaemonSet"):
        container = daemon_set["spec"]["template"]["spec"]["containers"][0]
        unknown = {variable["name"] for variable in container["env"]} - known - own - FOR_EVENTS
        require(not unknown, f"the agent does not know {unknown}")
        elsewhere = {mount["mountPath"] for mount in container["volumeMounts"]} - known
        require(not elsewhere, f"the agent does not look in {elsewhere}")


@cache
def agent_words():
    text = "".join(file.read_text() for file in sorted((ROOT / "Sources/NodeAgent").rglob("*.swift")))
    return set(re.findall(r'"([A-Z][A-Z0-9_]+|/[a-z0-9./-]+)"', text))


# What holds for the chart.

def table(heading):
    """A table of deploy/README.md by its first column, which has that heading: the other columns' cells."""
    rows = {}
    inside = False
    for line in README.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and not cells[0].startswith("---"):
            for name in cells[0].replace("`", "").removesuffix(" (ours)").split(", "):
                require(name not in rows, f"deploy/README.md: {name} is there twice")
                rows[name] = cells[1:]
    require(rows, f"deploy/README.md has no table of {heading}")
    return rows


def leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def schema_leaves(schema, definitions, prefix=""):
    for key, part in schema.get("properties", {}).items():
        part = definitions[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        is_object = part.get("type") in ("object", ["object", "null"])
        require(not is_object or "additionalProperties" in part or prefix + key in OPEN,
                f"values.schema.json: {prefix}{key} is open")
        if is_object and "properties" in part:
            yield from schema_leaves(part, definitions, f"{prefix}{key}.")
        else:
            yield prefix + key


# Objects of the schema that take any key: see the comment there, and those whose inside the API server checks.
OPEN = {"global", "affinity.nodeAffinity", "affinity.podAffinity", "affinity.podAntiAffinity"}


def check_values():
    """values.yaml, the schema and the table in deploy/README.md have the same keys and defaults."""
    values = yaml.load((CHART / "values.yaml").read_text(), Loader=UniqueKeys)
    schema = json.loads((CHART / "values.schema.json").read_text())
    there = dict(leaves(values))
    known = set(schema_leaves(schema, schema["definitions"])) - SILENT - OPTIONAL
    for key in there:
        require(any(key == name or key.startswith(name + ".") or name.startswith(key + ".") for name in known),
                f"values.schema.json has no {key}")
    for name in known:
        parent = name.rpartition(".")[0]
        require(name in there or any(key.startswith(name + ".") for key in there) or parent in there,
                f"values.yaml has no {name}")
    documented = table("value")
    for key, value in there.items():
        rows = [name for name in documented if key == name or key.startswith(name + ".")]
        require(rows, f"deploy/README.md has no row for {key}")
        if rows[0] == key:
            text = "" if value in ("", None, {}) else f"`{value if isinstance(value, str) else json.dumps(value)}`"
            require(documented[key][0] == text, f"deploy/README.md: the default of {key} is {text or 'empty'}")
    for name in documented:
        require(any(key == name or key.startswith(name + ".") for key in there), f"values.yaml has no {name}")


def check_reasons():
    """Each rule of a role, and each capability, follows a comment."""
    for file in ("role.yaml", "clusterrole.yaml", "daemonset.yaml"):
        lines = (CHART / "templates" / file).read_text().splitlines()
        for before, line in zip(lines, lines[1:]):
            if re.match(r" +- (apiGroups:|[A-Z_]+$)", line):
                require(before.strip().startswith("#"), f"{file}: no reason is given for {line.strip()}")


def check_lint():
    report = helm_python.lint(CHART, {}, strict=True, namespace=NAMESPACE)
    findings = [message["error"] for message in report["messages"] if message["error"] != "icon is recommended"]
    require(not findings and not report["errors"], f"helm lint: {findings + report['errors']}")


def check_scopes():
    """The two halves that the owners of cluster and mesh apply are the whole."""
    whole, cluster, namespaced = (
        Rendering({"global": {"resourceScope": scope}}).objects for scope in ("all", "cluster", "namespace"))
    require(cluster | namespaced == whole and not cluster.keys() & namespaced.keys(), "the scopes are not the whole")
    require(all(rendered["kind"].startswith("Cluster") for rendered in cluster.values()), "cluster scope")


def check_warnings():
    """An install where the platform was forgotten says so."""
    for version, platform in (("v1.33.1-gke.100", "gke"), ("v1.33.1+k3s1", "k3s")):
        require(f"platform to {platform}" in Rendering({}, version).notes, f"no warning on {version}")
        told = Rendering({"global": {"platform": platform}}, version)
        require("WARNING" not in told.notes, f"a needless warning on {version}")
    require("WARNING" not in Rendering({}).notes, "a needless warning")


def check_manifests(update):
    for name, values in RENDERED.items():
        rendering = Rendering(values)
        ordered = sorted(rendering.texts, key=lambda text: ORDER.index(re.search(r"(?m)^kind: (\w+)", text)[1]))
        # Nobody but Helm may say that Helm owns an object.
        lines = [line for line in "\n---\n".join(ordered).splitlines()
                 if not re.match(r" +(app.kubernetes.io/(managed-by|instance)|helm.sh/chart|release): ", line)]
        given = json.dumps(values) if values else "default values"
        head = f"# Rendered from deploy/chart by 'ci/deploy --update', with {given}, for namespace {NAMESPACE}."
        text = "\n".join([head, *lines, ""])
        file = MANIFESTS / name
        if update:
            file.write_text(text)
        require(file.exists() and file.read_text() == text, f"{file.relative_to(ROOT)} is not what the chart renders: "
                "run ci/deploy --update")


# The cases.

def compare(path, expected, found):
    """`expected` is a part of `found`: of maps, and of lists of named things, only what is named must be there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            require(key in found or value is None, f"{path}: no {key}")
            compare(f"{path}.{key}", value, found.get(key))
    elif isinstance(expected, list) and expected and all(is_named(item) for item in expected):
        by_name = {item["name"]: item for item in found or []}
        for item in expected:
            require(item["name"] in by_name, f"{path}: no {item['name']}, but {sorted(by_name)}")
            compare(f"{path}[{item['name']}]", item, by_name[item["name"]])
    else:
        require(expected == found, f"{path} is {json.dumps(found)}, not {json.dumps(expected)}")


def is_named(item):
    return isinstance(item, dict) and "name" in item


def check_rendering(values, expected):
    rendering = Rendering(values)
    check_schema(rendering, str(expected.pop("kubernetes", RELEASES[0])))
    check_references(rendering)
    check_security(rendering)
    check_settings(rendering)
    objects = expected.pop("objects", None)
    require(objects is None or sorted(objects) == sorted(rendering.objects), f"objects are {sorted(rendering.objects)}")
    for text in expected.pop("notes", []):
        require(text in rendering.notes, f"the notes do not say: {text}")
    compare("", expected, rendering.objects)
    return check_permissions(rendering)


def check_refusal(values, message):
    try:
        Rendering(values)
    except helm_python.HelmError as error:
        require(message in str(error), f"refused with {str(error)!r}, which does not say {message!r}")
    else:
        raise Problem(f"{json.dumps(values)} is not refused")


def main(arguments):
    failures = []
    count = 0

    def attempt(name, check, *arguments):
        nonlocal count
        count += 1
        try:
            return check(*arguments)
        except (Problem, helm_python.HelmError) as error:
            failures.append(f"{name}: {error}")

    update = arguments == ["--update"]
    if arguments and not update:
        sys.exit("usage: ci/deploy [--update]")
    for check in (check_values, check_reasons, check_lint, check_scopes, check_warnings):
        attempt(check.__name__.replace("_", " "), check)
    attempt("manifests", check_manifests, update)

    platforms = {file.stem for file in (CHART / "platforms").iterdir()} - {"default"}
    used = set()
    for folder in sorted(folder for folder in FIXTURES.iterdir() if folder.is_dir()):
        values = yaml.safe_load((folder / "values.yaml").read_text()) or {}
        platforms.discard(values.get("global", {}).get("platform"))
        expected = yaml.safe_load((folder / "expected.yaml").read_text())
        used |= attempt(folder.name, check_rendering, values, expected) or set()
    for case in yaml.safe_load((FIXTURES / "refused.yaml").read_text()):
        attempt(f"refused.yaml: {json.dumps(case['values'])}", check_refusal, case["values"], case["message"])
    if platforms:
        failures.append(f"platforms without a case: {sorted(platforms)}")
    idle = {tuple(key.split(" ")) for key in table("permission")} - used
    if idle:
        failures.append(f"deploy/README.md: permissions that no case has: {sorted(idle)}")

    for failure in failures:
        print(f"ci/deploy: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"ci/deploy: {count} renderings and checks, with Helm {helm_python.helm_sdk_version()} and the schemas of "
          f"Kubernetes {RELEASES[0]} and {RELEASES[-1]}")


CHART_HANDLE = helm_python.Chart.load(CHART)
main(sys.argv[1:])
