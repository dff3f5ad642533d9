#include "workloads/guide.h"

#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 256 };

#define HONOURED GUIDE_HONOURED
#define IGNORED GUIDE_IGNORED
#define REFUSED GUIDE_REFUSED

static const struct guide_entry entries[] = {
	{ "pod.apiVersion", HONOURED, "", "needed; v1" },
	{ "pod.kind", HONOURED, "", "needed; Pod" },
	{ "pod.metadata.name", HONOURED, "",
	  "needed; lower-case letters, digits and inner -, at most 63; once on a device" },
	{ "pod.metadata.namespace", IGNORED, "default",
	  "a board has no namespaces; fieldRef still reads it" },
	{ "pod.metadata.labels", HONOURED, "", "up to 64; read by fieldRef and nothing else" },
	{ "pod.metadata.annotations", HONOURED, "",
	  "up to 64; read by fieldRef, and below skerry.dev/ by the board; an unknown one of "
	  "those is refused" },
	{ "skerry.dev/network", HONOURED, "the board's network",
	  "host, own (loopback alone, shared by the pod) or none (no sockets but AF_UNIX)" },
	{ "skerry.dev/socket-families", HONOURED, "none",
	  "beside AF_UNIX, AF_INET and AF_INET6: can, netlink, packet, bluetooth, with commas" },
	{ "skerry.dev/cpus", HONOURED, "all",
	  "such as 0-1,3; refused by a board without the cpuset controller" },
	{ "skerry.dev/io-read", HONOURED, "none",
	  "bytes a second from the disk of state_dir, at least 4Ki; each container" },
	{ "skerry.dev/io-write", HONOURED, "none",
	  "bytes a second to the disk of state_dir, at least 4Ki; each container" },
	{ "skerry.dev/notify", HONOURED, "false",
	  "true: a container has started when it has said READY=1 by sd_notify" },
	{ "skerry.dev/watchdog", HONOURED, "none",
	  "a duration; a container that has not said WATCHDOG=1 for so long is restarted" },
	{ "skerry.dev/standby", HONOURED, "false",
	  "true: frozen when ready, its memory given back, until somebody connects or wakes it" },
	{ "skerry.dev/idle-timeout", HONOURED, "none",
	  "a duration without a connection, after which it rests: frozen again with standby, "
	  "else ended until somebody connects to one of its ports (sd_listen_fds)" },
	{ "skerry.dev/telemetry-ack", HONOURED, "what the board's configuration says, hub",
	  "when a batch may leave the board: the hub has committed it, the broker has it (PUBACK), "
	  "or none: it was sent once" },
	{ "skerry.dev/telemetry-format", HONOURED, "what the board's configuration says, columns",
	  "columns for the hub; json (up/tele) or line (up/line) for other readers, with "
	  "telemetry-ack broker or none" },
	{ "skerry.dev/telemetry-priority", HONOURED, "normal",
	  "high: before logs; low: after all others, and given up first" },
	{ "skerry.dev/outbox", HONOURED, "none",
	  "bytes, at least 64Ki: it has an outbox, and so much of its files may wait on flash" },
	{ "skerry.dev/scrape-interval", HONOURED, "30s",
	  "a duration, 1s to 1h, between two readings of prometheus.io/scrape" },
	{ "prometheus.io/scrape", HONOURED, "false",
	  "true: the pod's figures are read over HTTP and kept as telemetry; see "
	  "docs/telemetry.md" },
	{ "prometheus.io/port", HONOURED, "the first of its ports",
	  "where they are read, on loopback of the pod's network" },
	{ "prometheus.io/path", HONOURED, "/metrics",
	  "from / on, at most 255 bytes; redirects are not followed" },
	{ "prometheus.io/scheme", HONOURED, "http", "only http" },
	{ "pod.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "pod.status", IGNORED, "", "what a cluster has written says nothing to a board" },
	{ "pod.spec.restartPolicy", HONOURED, "Always",
	  "Always, OnFailure, Never; the first restart is at once, then after 10 s, doubling to 5 "
	  "min; ten calm minutes begin anew" },
	{ "pod.spec.terminationGracePeriodSeconds", HONOURED, "30",
	  "0-86,400; 0 kills at once, 1 counts as 2; what is left after it is killed with the "
	  "whole cgroup" },
	{ "pod.spec.activeDeadlineSeconds", HONOURED, "none",
	  "counted from the pod's start, also while no agent lives; then it ends and has failed: "
	  "DeadlineExceeded" },
	{ "pod.spec.hostNetwork", HONOURED, "false",
	  "true: the board's network; false: what skerry.dev/network or the board's "
	  "configuration says, which is the board's network unless it says otherwise" },
	{ "pod.spec.hostname", HONOURED, "the pod's name", "a name as above" },
	{ "pod.spec.subdomain", IGNORED, "", "there is no DNS of a cluster" },
	{ "pod.spec.hostAliases", HONOURED, "none",
	  "up to 16; with any, the pod has an /etc/hosts of its own, read-only" },
	{ "pod.spec.hostAliases[].ip", HONOURED, "", "needed; an IP address" },
	{ "pod.spec.hostAliases[].hostnames", HONOURED, "none", "up to 16" },
	{ "pod.spec.dnsPolicy", HONOURED, "Default",
	  "Default, None; ClusterFirst and ClusterFirstWithHostNet are told as ignored: there is "
	  "no cluster, they are Default" },
	{ "pod.spec.dnsConfig", HONOURED, "none",
	  "with dnsPolicy: None it is /etc/resolv.conf, read-only; refused with another policy" },
	{ "pod.spec.dnsConfig.nameservers", HONOURED, "", "needed with None; up to 3" },
	{ "pod.spec.dnsConfig.searches", HONOURED, "none", "up to 8" },
	{ "pod.spec.dnsConfig.options", HONOURED, "none", "up to 8" },
	{ "pod.spec.dnsConfig.options[].name", HONOURED, "", "needed" },
	{ "pod.spec.dnsConfig.options[].value", HONOURED, "none", "" },
	{ "pod.spec.shareProcessNamespace", HONOURED, "false",
	  "only false: containers do not see each other's processes" },
	{ "pod.spec.hostPID", HONOURED, "false", "only false" },
	{ "pod.spec.hostIPC", HONOURED, "false", "only false" },
	{ "pod.spec.setHostnameAsFQDN", HONOURED, "false", "only false" },
	{ "pod.spec.os.name", HONOURED, "linux", "only linux" },
	{ "pod.spec.securityContext.runAsUser", HONOURED, "the image's, else its own",
	  "1-2,147,483,647, never root, nor 700,000-765,535, which the board gives; with image: "
	  "host only above them. Each container has a user of its own unless it or its image "
	  "names one: containers that write to the same files need the same one" },
	{ "pod.spec.securityContext.runAsGroup", HONOURED, "the image's, else its own",
	  "as runAsUser" },
	{ "pod.spec.securityContext.runAsNonRoot", HONOURED, "true",
	  "no workload is root, so true is always kept, and false changes nothing" },
	{ "pod.spec.securityContext.supplementalGroups", HONOURED, "none",
	  "up to 8, numbers as runAsUser" },
	{ "pod.spec.securityContext.fsGroup", HONOURED, "none",
	  "emptyDir on flash belongs to it, mode 2777; files of configs too, readable by it" },
	{ "pod.spec.securityContext.fsGroupChangePolicy", IGNORED, "",
	  "volumes are new when a pod is" },
	{ "pod.spec.securityContext.seccompProfile.type", HONOURED, "RuntimeDefault",
	  "only RuntimeDefault: every workload has it" },
	{ "pod.spec.volumes", HONOURED, "none", "up to 16, each with a name and one kind" },
	{ "pod.spec.volumes[].name", HONOURED, "", "needed; once in a pod" },
	{ "pod.spec.volumes[].emptyDir", HONOURED, "",
	  "a folder on flash in state_dir; it goes with the pod, also when the pod is replaced" },
	{ "pod.spec.volumes[].emptyDir.medium", HONOURED, "\"\"",
	  "Memory: a tmpfs of each container that mounts it, counted to its memory" },
	{ "pod.spec.volumes[].emptyDir.sizeLimit", HONOURED, "16Mi in memory, none on flash",
	  "at least 256Ki; on flash it is looked at once a minute, as kubelets do: a pod that "
	  "holds more ends and has failed, Evicted" },
	{ "pod.spec.volumes[].hostPath.path", HONOURED, "",
	  "needed; must be in, or below, allow_host_path of the board; no link on the way is "
	  "followed" },
	{ "pod.spec.volumes[].hostPath.type", HONOURED, "\"\"",
	  "Directory, File, Socket: checked at each start; DirectoryOrCreate (mode 0755), "
	  "FileOrCreate (0644): made below allow_host_path; CharDevice, BlockDevice: a node of "
	  "the workload's own, mounted below /dev; a link to it (/dev/serial/by-id/...) is "
	  "followed "
	  "at each start" },
	{ "pod.spec.volumes[].configMap", HONOURED, "",
	  "files in memory, read-only; they change as a whole when the ConfigMap does, without a "
	  "restart" },
	{ "pod.spec.volumes[].configMap.name", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].configMap.items", HONOURED, "every key", "up to 64" },
	{ "pod.spec.volumes[].configMap.items[].key", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].configMap.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].configMap.items[].mode", HONOURED, "defaultMode",
	  "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].configMap.defaultMode", HONOURED, "0644",
	  "files belong to the container's user" },
	{ "pod.spec.volumes[].configMap.optional", HONOURED, "false",
	  "a missing one, or a missing key, is refused with the state: "
	  "CreateContainerConfigError" },
	{ "pod.spec.volumes[].secret", HONOURED, "", "as configMap" },
	{ "pod.spec.volumes[].secret.secretName", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].secret.items", HONOURED, "every key", "up to 64" },
	{ "pod.spec.volumes[].secret.items[].key", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].secret.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].secret.items[].mode", HONOURED, "defaultMode",
	  "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].secret.defaultMode", HONOURED, "0644",
	  "files belong to the container's user" },
	{ "pod.spec.volumes[].secret.optional", HONOURED, "false", "as configMap" },
	{ "pod.spec.volumes[].downwardAPI", HONOURED, "", "fields of the pod as files" },
	{ "pod.spec.volumes[].downwardAPI.items", HONOURED, "none", "up to 64" },
	{ "pod.spec.volumes[].downwardAPI.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].downwardAPI.items[].mode", HONOURED, "defaultMode",
	  "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].downwardAPI.items[].fieldRef", HONOURED, "",
	  "as in env; metadata.labels and metadata.annotations as a whole, too" },
	{ "pod.spec.volumes[].downwardAPI.items[].fieldRef.fieldPath", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].downwardAPI.items[].fieldRef.apiVersion", HONOURED, "v1", "only v1" },
	{ "pod.spec.volumes[].downwardAPI.items[].resourceFieldRef", HONOURED, "",
	  "as in env; containerName is needed" },
	{ "pod.spec.volumes[].downwardAPI.items[].resourceFieldRef.containerName", HONOURED, "",
	  "as in env" },
	{ "pod.spec.volumes[].downwardAPI.items[].resourceFieldRef.resource", HONOURED, "",
	  "as in env" },
	{ "pod.spec.volumes[].downwardAPI.items[].resourceFieldRef.divisor", HONOURED, "1",
	  "as in env" },
	{ "pod.spec.volumes[].downwardAPI.defaultMode", HONOURED, "0644", "" },
	{ "pod.spec.volumes[].projected", HONOURED, "", "several of these in one volume" },
	{ "pod.spec.volumes[].projected.defaultMode", HONOURED, "0644", "" },
	{ "pod.spec.volumes[].projected.sources", HONOURED, "", "up to 16" },
	{ "pod.spec.volumes[].projected.sources[].configMap.name", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].projected.sources[].configMap.items", HONOURED, "every key",
	  "up to 64" },
	{ "pod.spec.volumes[].projected.sources[].configMap.items[].key", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].projected.sources[].configMap.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].projected.sources[].configMap.items[].mode", HONOURED, "defaultMode",
	  "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].projected.sources[].configMap.optional", HONOURED, "false",
	  "as configMap" },
	{ "pod.spec.volumes[].projected.sources[].secret.name", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].projected.sources[].secret.items", HONOURED, "every key",
	  "up to 64" },
	{ "pod.spec.volumes[].projected.sources[].secret.items[].key", HONOURED, "", "needed" },
	{ "pod.spec.volumes[].projected.sources[].secret.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].projected.sources[].secret.items[].mode", HONOURED, "defaultMode",
	  "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].projected.sources[].secret.optional", HONOURED, "false",
	  "as configMap" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items", HONOURED, "none",
	  "up to 64" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].path", HONOURED, "",
	  "needed; relative, without .. parts" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].mode", HONOURED,
	  "defaultMode", "0-0777, written 0644, 0o644 or 420" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef", HONOURED, "",
	  "as in env; metadata.labels and metadata.annotations as a whole, too" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef.fieldPath", HONOURED,
	  "", "needed" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef.apiVersion",
	  HONOURED, "v1", "only v1" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].resourceFieldRef", HONOURED,
	  "", "as in env; containerName is needed" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].resourceFieldRef."
	  "containerName",
	  HONOURED, "", "as in env" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].resourceFieldRef.resource",
	  HONOURED, "", "as in env" },
	{ "pod.spec.volumes[].projected.sources[].downwardAPI.items[].resourceFieldRef.divisor",
	  HONOURED, "1", "as in env" },
	{ "pod.spec.volumes[].projected.sources[].serviceAccountToken", REFUSED, "",
	  "there is no API server to speak to" },
	{ "pod.spec.volumes[].persistentVolumeClaim", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].csi", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].nfs", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].iscsi", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].ephemeral", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].gitRepo", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.volumes[].flexVolume", REFUSED, "",
	  "not supported on a board: it needs a cluster, a network or a driver" },
	{ "pod.spec.initContainers", HONOURED, "none",
	  "run one after another, each until it has ended well, before the others; 8 with "
	  "spec.containers" },
	{ "pod.spec.initContainers[].restartPolicy", HONOURED, "",
	  "Always: a sidecar, which only has to have started before the next begins, always runs, "
	  "and ends last" },
	{ "pod.spec.containers", HONOURED, "",
	  "needed; 1-8 with init containers; all of a board together, 64" },
	{ "pod.spec.containers[].name", HONOURED, "", "needed; a name as above, once in a pod" },
	{ "pod.spec.containers[].image", HONOURED, "", "needed; see images" },
	{ "pod.spec.containers[].imagePullPolicy", IGNORED, "",
	  "an image is pinned by its digest" },
	{ "pod.spec.containers[].command", HONOURED, "the image's Entrypoint",
	  "up to 64 words with args; $(NAME) is expanded; needed with image: host" },
	{ "pod.spec.containers[].args", HONOURED, "the image's Cmd",
	  "not the image's if command is given" },
	{ "pod.spec.containers[].workingDir", HONOURED, "the image's, else /",
	  "absolute, without . and .." },
	{ "pod.spec.containers[].env", HONOURED, "none",
	  "up to 64; later ones take the place of earlier ones, of envFrom and of the image's" },
	{ "pod.spec.containers[].env[].name", HONOURED, "", "needed; up to 255 bytes, no =" },
	{ "pod.spec.containers[].env[].value", HONOURED, "\"\"", "$(NAME) is expanded" },
	{ "pod.spec.containers[].env[].valueFrom.configMapKeyRef", HONOURED, "",
	  "read at the start of the container: a change is seen at the next start" },
	{ "pod.spec.containers[].env[].valueFrom.configMapKeyRef.name", HONOURED, "", "needed" },
	{ "pod.spec.containers[].env[].valueFrom.configMapKeyRef.key", HONOURED, "", "needed" },
	{ "pod.spec.containers[].env[].valueFrom.configMapKeyRef.optional", HONOURED, "false",
	  "a missing key is refused with the state: CreateContainerConfigError" },
	{ "pod.spec.containers[].env[].valueFrom.secretKeyRef", HONOURED, "",
	  "read at the start of the container: a change is seen at the next start" },
	{ "pod.spec.containers[].env[].valueFrom.secretKeyRef.name", HONOURED, "", "needed" },
	{ "pod.spec.containers[].env[].valueFrom.secretKeyRef.key", HONOURED, "", "needed" },
	{ "pod.spec.containers[].env[].valueFrom.secretKeyRef.optional", HONOURED, "false",
	  "a missing key is refused with the state: CreateContainerConfigError" },
	{ "pod.spec.containers[].env[].valueFrom.fieldRef.fieldPath", HONOURED, "",
	  "metadata.name, metadata.namespace, metadata.uid, metadata.labels['x'], "
	  "metadata.annotations['x'], spec.nodeName (the device), status.podIP, status.hostIP (the "
	  "board's)" },
	{ "pod.spec.containers[].env[].valueFrom.fieldRef.apiVersion", HONOURED, "v1", "only v1" },
	{ "pod.spec.containers[].env[].valueFrom.resourceFieldRef.resource", HONOURED, "",
	  "limits.cpu, limits.memory, requests.cpu, requests.memory; without a limit, the "
	  "board's" },
	{ "pod.spec.containers[].env[].valueFrom.resourceFieldRef.containerName", HONOURED,
	  "the container", "" },
	{ "pod.spec.containers[].env[].valueFrom.resourceFieldRef.divisor", HONOURED, "1",
	  "rounded up" },
	{ "pod.spec.containers[].envFrom", HONOURED, "none",
	  "up to 16; binary values are left out" },
	{ "pod.spec.containers[].envFrom[].prefix", HONOURED, "\"\"", "" },
	{ "pod.spec.containers[].envFrom[].configMapRef.name", HONOURED, "", "needed" },
	{ "pod.spec.containers[].envFrom[].configMapRef.optional", HONOURED, "false", "" },
	{ "pod.spec.containers[].envFrom[].secretRef.name", HONOURED, "", "needed" },
	{ "pod.spec.containers[].envFrom[].secretRef.optional", HONOURED, "false", "" },
	{ "pod.spec.containers[].ports", HONOURED, "none",
	  "up to 8; named by probes, and listened at for a container that rests" },
	{ "pod.spec.containers[].ports[].containerPort", HONOURED, "", "needed; 1-65,535" },
	{ "pod.spec.containers[].ports[].hostPort", HONOURED, "containerPort",
	  "the same number or refused: no addresses are translated" },
	{ "pod.spec.containers[].ports[].hostIP", HONOURED, "all addresses",
	  "where the board listens for it" },
	{ "pod.spec.containers[].ports[].name", HONOURED, "none", "a name as above" },
	{ "pod.spec.containers[].ports[].protocol", HONOURED, "TCP",
	  "TCP, UDP, SCTP; only TCP is listened at" },
	{ "pod.spec.containers[].terminationMessagePath", HONOURED, "/dev/termination-log",
	  "up to 4 KiB are kept at the end; the first 156 bytes stand in its event" },
	{ "pod.spec.containers[].terminationMessagePolicy", HONOURED, "File",
	  "FallbackToLogsOnError is told as ignored: the event of a rollback has the last lines" },
	{ "pod.spec.containers[].resources.limits.memory", HONOURED, "none",
	  "at least 256Ki, so that 64 for 64Mi is found" },
	{ "pod.spec.containers[].resources.limits.cpu", HONOURED, "none", "such as 250m or 1.5" },
	{ "pod.spec.containers[].resources.requests.memory", HONOURED, "the limit",
	  "what all pods request must fit the board, or the lowest priority waits; an init "
	  "container's counts only while it runs" },
	{ "pod.spec.containers[].resources.requests.cpu", HONOURED, "the limit",
	  "weight against others, and part of the same sum" },
	{ "pod.spec.containers[].volumeMounts", HONOURED, "none",
	  "up to 15; hostAliases, dnsPolicy: None and each file that Skerry adds take one of 16 "
	  "places" },
	{ "pod.spec.containers[].volumeMounts[].name", HONOURED, "",
	  "needed; one of spec.volumes" },
	{ "pod.spec.containers[].volumeMounts[].mountPath", HONOURED, "",
	  "needed; absolute; not /, and nothing in /proc, /dev, /sys, /run/skerry" },
	{ "pod.spec.containers[].volumeMounts[].readOnly", HONOURED, "false",
	  "files of configs are read-only in any case" },
	{ "pod.spec.containers[].volumeMounts[].subPath", HONOURED, "\"\"",
	  "relative, no link followed; made in an emptyDir if missing; a part of a config is not "
	  "updated, as in Kubernetes; not in an emptyDir in memory" },
	{ "pod.spec.containers[].volumeMounts[].subPathExpr", REFUSED, "",
	  "not supported on a board" },
	{ "pod.spec.containers[].volumeMounts[].mountPropagation", HONOURED, "None", "only None" },
	{ "pod.spec.containers[].volumeMounts[].recursiveReadOnly", REFUSED, "",
	  "not supported on a board" },
	{ "pod.spec.containers[].lifecycle.postStart", HONOURED, "none",
	  "right after the start, at most 10 minutes; probes wait for it; if it fails, the "
	  "container is ended: FailedPostStartHook" },
	{ "pod.spec.containers[].lifecycle.postStart.exec.command", HONOURED, "",
	  "up to 64 words and 2 KiB; runs in the workload's sandbox; exit code 0 is well" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.host", HONOURED, "127.0.0.1",
	  "in the workload's network" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.path", HONOURED, "/", "no blanks" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.port", HONOURED, "",
	  "needed; 1-65,535, or the name of one of the container's ports" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.scheme", HONOURED, "HTTP",
	  "only HTTP; 200-399 is well" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.httpHeaders", HONOURED, "none",
	  "up to 512 bytes" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.httpHeaders[].name", HONOURED, "",
	  "needed" },
	{ "pod.spec.containers[].lifecycle.postStart.httpGet.httpHeaders[].value", HONOURED, "\"\"",
	  "" },
	{ "pod.spec.containers[].lifecycle.postStart.sleep.seconds", HONOURED, "0",
	  "up to 86,400" },
	{ "pod.spec.containers[].lifecycle.preStop", HONOURED, "none",
	  "before SIGTERM, within the grace; 2 s are left after it in any case; not when the "
	  "container ends by itself" },
	{ "pod.spec.containers[].lifecycle.preStop.exec.command", HONOURED, "",
	  "up to 64 words and 2 KiB; runs in the workload's sandbox; exit code 0 is well" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.host", HONOURED, "127.0.0.1",
	  "in the workload's network" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.path", HONOURED, "/", "no blanks" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.port", HONOURED, "",
	  "needed; 1-65,535, or the name of one of the container's ports" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.scheme", HONOURED, "HTTP",
	  "only HTTP; 200-399 is well" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.httpHeaders", HONOURED, "none",
	  "up to 512 bytes" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.httpHeaders[].name", HONOURED, "",
	  "needed" },
	{ "pod.spec.containers[].lifecycle.preStop.httpGet.httpHeaders[].value", HONOURED, "\"\"",
	  "" },
	{ "pod.spec.containers[].lifecycle.preStop.sleep.seconds", HONOURED, "0", "up to 86,400" },
	{ "pod.spec.containers[].startupProbe", HONOURED, "none",
	  "the others wait until it has passed; if it fails, the container is ended" },
	{ "pod.spec.containers[].startupProbe.exec.command", HONOURED, "",
	  "up to 64 words and 2 KiB; runs in the workload's sandbox; exit code 0 is well" },
	{ "pod.spec.containers[].startupProbe.httpGet.host", HONOURED, "127.0.0.1",
	  "in the workload's network" },
	{ "pod.spec.containers[].startupProbe.httpGet.path", HONOURED, "/", "no blanks" },
	{ "pod.spec.containers[].startupProbe.httpGet.port", HONOURED, "",
	  "needed; 1-65,535, or the name of one of the container's ports" },
	{ "pod.spec.containers[].startupProbe.httpGet.scheme", HONOURED, "HTTP",
	  "only HTTP; 200-399 is well" },
	{ "pod.spec.containers[].startupProbe.httpGet.httpHeaders", HONOURED, "none",
	  "up to 512 bytes" },
	{ "pod.spec.containers[].startupProbe.httpGet.httpHeaders[].name", HONOURED, "", "needed" },
	{ "pod.spec.containers[].startupProbe.httpGet.httpHeaders[].value", HONOURED, "\"\"", "" },
	{ "pod.spec.containers[].startupProbe.tcpSocket.host", HONOURED, "127.0.0.1", "" },
	{ "pod.spec.containers[].startupProbe.tcpSocket.port", HONOURED, "", "as httpGet.port" },
	{ "pod.spec.containers[].startupProbe.grpc", REFUSED, "", "not supported on a board" },
	{ "pod.spec.containers[].startupProbe.initialDelaySeconds", HONOURED, "0",
	  "an agent that finds a container running waits a random part of the period instead" },
	{ "pod.spec.containers[].startupProbe.periodSeconds", HONOURED, "10", "at least 1" },
	{ "pod.spec.containers[].startupProbe.timeoutSeconds", HONOURED, "1", "at least 1" },
	{ "pod.spec.containers[].startupProbe.successThreshold", HONOURED, "1", "only 1" },
	{ "pod.spec.containers[].startupProbe.failureThreshold", HONOURED, "3", "up to 1,000" },
	{ "pod.spec.containers[].startupProbe.terminationGracePeriodSeconds", HONOURED, "the pod's",
	  "of the end that it asks for" },
	{ "pod.spec.containers[].livenessProbe", HONOURED, "none",
	  "if it fails, the container is ended, which counts as a run that ended badly" },
	{ "pod.spec.containers[].livenessProbe.exec.command", HONOURED, "",
	  "up to 64 words and 2 KiB; runs in the workload's sandbox; exit code 0 is well" },
	{ "pod.spec.containers[].livenessProbe.httpGet.host", HONOURED, "127.0.0.1",
	  "in the workload's network" },
	{ "pod.spec.containers[].livenessProbe.httpGet.path", HONOURED, "/", "no blanks" },
	{ "pod.spec.containers[].livenessProbe.httpGet.port", HONOURED, "",
	  "needed; 1-65,535, or the name of one of the container's ports" },
	{ "pod.spec.containers[].livenessProbe.httpGet.scheme", HONOURED, "HTTP",
	  "only HTTP; 200-399 is well" },
	{ "pod.spec.containers[].livenessProbe.httpGet.httpHeaders", HONOURED, "none",
	  "up to 512 bytes" },
	{ "pod.spec.containers[].livenessProbe.httpGet.httpHeaders[].name", HONOURED, "",
	  "needed" },
	{ "pod.spec.containers[].livenessProbe.httpGet.httpHeaders[].value", HONOURED, "\"\"", "" },
	{ "pod.spec.containers[].livenessProbe.tcpSocket.host", HONOURED, "127.0.0.1", "" },
	{ "pod.spec.containers[].livenessProbe.tcpSocket.port", HONOURED, "", "as httpGet.port" },
	{ "pod.spec.containers[].livenessProbe.grpc", REFUSED, "", "not supported on a board" },
	{ "pod.spec.containers[].livenessProbe.initialDelaySeconds", HONOURED, "0",
	  "an agent that finds a container running waits a random part of the period instead" },
	{ "pod.spec.containers[].livenessProbe.periodSeconds", HONOURED, "10", "at least 1" },
	{ "pod.spec.containers[].livenessProbe.timeoutSeconds", HONOURED, "1", "at least 1" },
	{ "pod.spec.containers[].livenessProbe.successThreshold", HONOURED, "1", "only 1" },
	{ "pod.spec.containers[].livenessProbe.failureThreshold", HONOURED, "3", "up to 1,000" },
	{ "pod.spec.containers[].livenessProbe.terminationGracePeriodSeconds", HONOURED,
	  "the pod's", "of the end that it asks for" },
	{ "pod.spec.containers[].readinessProbe", HONOURED, "none",
	  "turns ready; none: ready when it runs and its startup probe has passed" },
	{ "pod.spec.containers[].readinessProbe.exec.command", HONOURED, "",
	  "up to 64 words and 2 KiB; runs in the workload's sandbox; exit code 0 is well" },
	{ "pod.spec.containers[].readinessProbe.httpGet.host", HONOURED, "127.0.0.1",
	  "in the workload's network" },
	{ "pod.spec.containers[].readinessProbe.httpGet.path", HONOURED, "/", "no blanks" },
	{ "pod.spec.containers[].readinessProbe.httpGet.port", HONOURED, "",
	  "needed; 1-65,535, or the name of one of the container's ports" },
	{ "pod.spec.containers[].readinessProbe.httpGet.scheme", HONOURED, "HTTP",
	  "only HTTP; 200-399 is well" },
	{ "pod.spec.containers[].readinessProbe.httpGet.httpHeaders", HONOURED, "none",
	  "up to 512 bytes" },
	{ "pod.spec.containers[].readinessProbe.httpGet.httpHeaders[].name", HONOURED, "",
	  "needed" },
	{ "pod.spec.containers[].readinessProbe.httpGet.httpHeaders[].value", HONOURED, "\"\"",
	  "" },
	{ "pod.spec.containers[].readinessProbe.tcpSocket.host", HONOURED, "127.0.0.1", "" },
	{ "pod.spec.containers[].readinessProbe.tcpSocket.port", HONOURED, "", "as httpGet.port" },
	{ "pod.spec.containers[].readinessProbe.grpc", REFUSED, "", "not supported on a board" },
	{ "pod.spec.containers[].readinessProbe.initialDelaySeconds", HONOURED, "0",
	  "an agent that finds a container running waits a random part of the period instead" },
	{ "pod.spec.containers[].readinessProbe.periodSeconds", HONOURED, "10", "at least 1" },
	{ "pod.spec.containers[].readinessProbe.timeoutSeconds", HONOURED, "1", "at least 1" },
	{ "pod.spec.containers[].readinessProbe.successThreshold", HONOURED, "1", "up to 1,000" },
	{ "pod.spec.containers[].readinessProbe.failureThreshold", HONOURED, "3", "up to 1,000" },
	{ "pod.spec.containers[].readinessProbe.terminationGracePeriodSeconds", REFUSED, "",
	  "a readiness probe ends nothing" },
	{ "pod.spec.containers[].securityContext.runAsUser", HONOURED, "the pod's",
	  "as the pod's" },
	{ "pod.spec.containers[].securityContext.runAsGroup", HONOURED, "the pod's",
	  "as the pod's" },
	{ "pod.spec.containers[].securityContext.runAsNonRoot", HONOURED, "true", "as the pod's" },
	{ "pod.spec.containers[].securityContext.readOnlyRootFilesystem", HONOURED, "true",
	  "only true: a root is read-only; mount an emptyDir where it writes" },
	{ "pod.spec.containers[].securityContext.allowPrivilegeEscalation", HONOURED, "false",
	  "only false" },
	{ "pod.spec.containers[].securityContext.privileged", HONOURED, "false", "only false" },
	{ "pod.spec.containers[].securityContext.procMount", HONOURED, "Default", "only Default" },
	{ "pod.spec.containers[].securityContext.capabilities.drop", HONOURED, "ALL",
	  "no workload has any" },
	{ "pod.spec.containers[].securityContext.capabilities.add", REFUSED, "",
	  "no workload has any" },
	{ "pod.spec.containers[].securityContext.seccompProfile.type", HONOURED, "RuntimeDefault",
	  "only RuntimeDefault" },
	{ "pod.spec.containers[].stdin", HONOURED, "false",
	  "only false: a workload of a board has no terminal" },
	{ "pod.spec.containers[].stdinOnce", HONOURED, "false",
	  "only false: a workload of a board has no terminal" },
	{ "pod.spec.containers[].tty", HONOURED, "false",
	  "only false: a workload of a board has no terminal" },
	{ "pod.spec.containers[].volumeDevices", REFUSED, "",
	  "block volumes are not supported on a board" },
	{ "pod.spec.priorityClassName", HONOURED, "normal",
	  "system-critical (or system-node-critical, system-cluster-critical), high, normal, low "
	  "or "
	  "idle: who gives way to whom" },
	{ "pod.spec.nodeSelector", HONOURED, "any board",
	  "labels that the board must have: of its configuration, of its Device, or facts, "
	  "fleet.md; "
	  "else the desired state is refused" },
	{ "pod.spec.nodeName", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.affinity", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.tolerations", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.topologySpreadConstraints", IGNORED, "",
	  "the desired state has chosen the board already" },
	{ "pod.spec.schedulerName", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.priority", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.preemptionPolicy", IGNORED, "",
	  "the desired state has chosen the board already" },
	{ "pod.spec.overhead", IGNORED, "", "the desired state has chosen the board already" },
	{ "pod.spec.serviceAccount", IGNORED, "",
	  "there is no API server, no registry and no service here" },
	{ "pod.spec.serviceAccountName", IGNORED, "",
	  "there is no API server, no registry and no service here" },
	{ "pod.spec.automountServiceAccountToken", IGNORED, "",
	  "there is no API server, no registry and no service here" },
	{ "pod.spec.imagePullSecrets", IGNORED, "",
	  "there is no API server, no registry and no service here" },
	{ "pod.spec.enableServiceLinks", IGNORED, "",
	  "there is no API server, no registry and no service here" },
	{ "pod.spec.hostUsers", REFUSED, "", "not supported on a board" },
	{ "pod.spec.runtimeClassName", REFUSED, "", "not supported on a board" },
	{ "pod.spec.ephemeralContainers", REFUSED, "", "not supported on a board" },
	{ "pod.spec.resourceClaims", REFUSED, "", "not supported on a board" },
	{ "pod.spec.schedulingGates", REFUSED, "", "not supported on a board" },
	{ "pod.spec.readinessGates", REFUSED, "", "not supported on a board" },
	{ "deployment.apiVersion", HONOURED, "", "needed; apps/v1" },
	{ "deployment.kind", HONOURED, "", "needed; Deployment" },
	{ "deployment.metadata.name", HONOURED, "", "needed; the pod is called so" },
	{ "deployment.metadata.namespace", IGNORED, "default", "a board has no namespaces" },
	{ "deployment.metadata.labels", HONOURED, "", "data only: the pod has its template's" },
	{ "deployment.metadata.annotations", HONOURED, "",
	  "data only: the pod has its template's" },
	{ "deployment.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "deployment.status", IGNORED, "", "what a cluster has written says nothing to a board" },
	{ "deployment.spec.replicas", HONOURED, "1",
	  "more than 1 is told as ignored: a board runs one; 0 is refused" },
	{ "deployment.spec.template", HONOURED, "",
	  "needed; metadata and spec of a pod: explain template, explain pod.spec" },
	{ "deployment.spec.selector", HONOURED, "", "not looked at: the pod is its own" },
	{ "deployment.spec.strategy", IGNORED, "", "the policy of the desired state says it" },
	{ "deployment.spec.minReadySeconds", IGNORED, "",
	  "the policy of the desired state says it" },
	{ "deployment.spec.revisionHistoryLimit", IGNORED, "",
	  "the policy of the desired state says it" },
	{ "deployment.spec.progressDeadlineSeconds", IGNORED, "",
	  "the policy of the desired state says it" },
	{ "deployment.spec.paused", HONOURED, "false", "only false" },
	{ "daemonset.apiVersion", HONOURED, "", "needed; apps/v1" },
	{ "daemonset.kind", HONOURED, "", "needed; DaemonSet" },
	{ "daemonset.metadata.name", HONOURED, "", "needed; the pod is called so" },
	{ "daemonset.metadata.namespace", IGNORED, "default", "a board has no namespaces" },
	{ "daemonset.metadata.labels", HONOURED, "", "data only: the pod has its template's" },
	{ "daemonset.metadata.annotations", HONOURED, "", "data only: the pod has its template's" },
	{ "daemonset.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "daemonset.status", IGNORED, "", "what a cluster has written says nothing to a board" },
	{ "daemonset.spec.template", HONOURED, "",
	  "needed; metadata and spec of a pod: explain template, explain pod.spec" },
	{ "daemonset.spec.selector", HONOURED, "", "not looked at: the pod is its own" },
	{ "daemonset.spec.updateStrategy", IGNORED, "", "the policy of the desired state says it" },
	{ "daemonset.spec.minReadySeconds", IGNORED, "",
	  "the policy of the desired state says it" },
	{ "daemonset.spec.revisionHistoryLimit", IGNORED, "",
	  "the policy of the desired state says it" },
	{ "job.apiVersion", HONOURED, "", "needed; batch/v1" },
	{ "job.kind", HONOURED, "", "needed; Job" },
	{ "job.metadata.name", HONOURED, "", "needed; the pod is called so" },
	{ "job.metadata.namespace", IGNORED, "default", "a board has no namespaces" },
	{ "job.metadata.labels", HONOURED, "", "data only: the pod has its template's" },
	{ "job.metadata.annotations", HONOURED, "", "data only: the pod has its template's" },
	{ "job.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "job.status", IGNORED, "", "what a cluster has written says nothing to a board" },
	{ "job.spec.template", HONOURED, "",
	  "needed; metadata and spec of a pod: explain template, explain pod.spec; its "
	  "restartPolicy is OnFailure or Never, which are the same here: the next try is the same "
	  "pod" },
	{ "job.spec.backoffLimit", HONOURED, "6",
	  "restarts before the job has failed: BackoffLimitExceeded" },
	{ "job.spec.activeDeadlineSeconds", HONOURED, "none",
	  "as a pod's; the earlier of the two counts" },
	{ "job.spec.ttlSecondsAfterFinished", HONOURED, "never",
	  "then its volumes and lines on the board go; that it has ended is kept: it is not run "
	  "again, not even after a reboot, until it changes" },
	{ "job.spec.completions", HONOURED, "1", "only 1" },
	{ "job.spec.parallelism", HONOURED, "1", "only 1" },
	{ "job.spec.completionMode", HONOURED, "NonIndexed", "only NonIndexed" },
	{ "job.spec.suspend", HONOURED, "false", "only false" },
	{ "job.spec.selector", HONOURED, "", "not looked at: the pod is its own" },
	{ "job.spec.manualSelector", IGNORED, "", "the pod is its own" },
	{ "cronjob.apiVersion", HONOURED, "", "needed; batch/v1" },
	{ "cronjob.kind", HONOURED, "", "needed; CronJob" },
	{ "cronjob.metadata.name", HONOURED, "", "needed; the pod is called so" },
	{ "cronjob.metadata.namespace", IGNORED, "default", "a board has no namespaces" },
	{ "cronjob.metadata.labels", HONOURED, "", "data only: the pod has its template's" },
	{ "cronjob.metadata.annotations", HONOURED, "", "data only: the pod has its template's" },
	{ "cronjob.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "cronjob.status", IGNORED, "", "what a cluster has written says nothing to a board" },
	{ "cronjob.spec.schedule", HONOURED, "",
	  "needed; five fields in UTC, or @hourly, @daily, @weekly, @monthly, @yearly; a board "
	  "whose clock was never set runs none and says so: ClockNotSet" },
	{ "cronjob.spec.timeZone", HONOURED, "UTC", "only UTC" },
	{ "cronjob.spec.concurrencyPolicy", HONOURED, "Forbid",
	  "Forbid, Replace; Allow is told as ignored: runs of one name never overlap on a board" },
	{ "cronjob.spec.suspend", HONOURED, "false", "" },
	{ "cronjob.spec.startingDeadlineSeconds", HONOURED, "any time",
	  "a run that is later is left out: MissSchedule; times that were missed count as one" },
	{ "cronjob.spec.successfulJobsHistoryLimit", IGNORED, "",
	  "the board keeps the last run, the hub all of them" },
	{ "cronjob.spec.failedJobsHistoryLimit", IGNORED, "",
	  "the board keeps the last run, the hub all of them" },
	{ "cronjob.spec.jobTemplate", HONOURED, "", "needed" },
	{ "cronjob.spec.jobTemplate.metadata.labels", HONOURED, "", "data only" },
	{ "cronjob.spec.jobTemplate.metadata.annotations", HONOURED, "", "data only" },
	{ "cronjob.spec.jobTemplate.metadata.name", IGNORED, "", "the CronJob has a name" },
	{ "cronjob.spec.jobTemplate.metadata.namespace", IGNORED, "", "the CronJob has a name" },
	{ "cronjob.spec.jobTemplate.metadata.creationTimestamp", IGNORED, "",
	  "the CronJob has a name" },
	{ "cronjob.spec.jobTemplate.spec.template", HONOURED, "",
	  "needed; metadata and spec of a pod: explain template, explain pod.spec; its "
	  "restartPolicy is OnFailure or Never, which are the same here: the next try is the same "
	  "pod" },
	{ "cronjob.spec.jobTemplate.spec.backoffLimit", HONOURED, "6",
	  "restarts before the job has failed: BackoffLimitExceeded" },
	{ "cronjob.spec.jobTemplate.spec.activeDeadlineSeconds", HONOURED, "none",
	  "as a pod's; the earlier of the two counts" },
	{ "cronjob.spec.jobTemplate.spec.ttlSecondsAfterFinished", HONOURED, "never",
	  "then its volumes and lines on the board go; that it has ended is kept: it is not run "
	  "again, not even after a reboot, until it changes" },
	{ "cronjob.spec.jobTemplate.spec.completions", HONOURED, "1", "only 1" },
	{ "cronjob.spec.jobTemplate.spec.parallelism", HONOURED, "1", "only 1" },
	{ "cronjob.spec.jobTemplate.spec.completionMode", HONOURED, "NonIndexed",
	  "only NonIndexed" },
	{ "cronjob.spec.jobTemplate.spec.suspend", HONOURED, "false", "only false" },
	{ "cronjob.spec.jobTemplate.spec.selector", HONOURED, "",
	  "not looked at: the pod is its own" },
	{ "cronjob.spec.jobTemplate.spec.manualSelector", IGNORED, "", "the pod is its own" },
	{ "template.metadata.labels", HONOURED, "", "as a pod's" },
	{ "template.metadata.annotations", HONOURED, "", "as a pod's" },
	{ "template.metadata.name", IGNORED, "", "the document around it has a name" },
	{ "template.metadata.namespace", IGNORED, "", "the document around it has a name" },
	{ "template.metadata.creationTimestamp", IGNORED, "", "the document around it has a name" },
	{ "configmap.apiVersion", HONOURED, "", "needed; v1" },
	{ "configmap.kind", HONOURED, "", "needed; ConfigMap" },
	{ "configmap.metadata.name", HONOURED, "",
	  "needed; labels with dots between them, at most 253; once of its kind on a device" },
	{ "configmap.metadata.namespace", IGNORED, "", "a board has no namespaces" },
	{ "configmap.metadata.labels", HONOURED, "", "data only" },
	{ "configmap.metadata.annotations", HONOURED, "", "data only" },
	{ "configmap.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "configmap.data", HONOURED, "none", "keys of letters, digits, -, _ and .; text" },
	{ "configmap.binaryData", HONOURED, "none", "base64; files, but no variables" },
	{ "configmap.immutable", HONOURED, "false",
	  "not looked at: a desired state replaces whole documents" },
	{ "secret.apiVersion", HONOURED, "", "needed; v1" },
	{ "secret.kind", HONOURED, "", "needed; Secret" },
	{ "secret.metadata.name", HONOURED, "",
	  "needed; labels with dots between them, at most 253; once of its kind on a device" },
	{ "secret.metadata.namespace", IGNORED, "", "a board has no namespaces" },
	{ "secret.metadata.labels", HONOURED, "", "data only" },
	{ "secret.metadata.annotations", HONOURED, "", "data only" },
	{ "secret.metadata.creationTimestamp", IGNORED, "",
	  "what a cluster has written says nothing to a board" },
	{ "secret.data", HONOURED, "none", "keys of letters, digits, -, _ and .; base64" },
	{ "secret.stringData", HONOURED, "none", "text; comes before data" },
	{ "secret.type", HONOURED, "Opaque", "not looked at" },
	{ "secret.immutable", HONOURED, "false",
	  "not looked at: a desired state replaces whole documents" },
};

enum { ENTRIES = sizeof entries / sizeof *entries };

const struct guide_entry *guide_all(size_t *out_count)
{
	*out_count = ENTRIES;
	return entries;
}

const char *guide_verdict_name(enum guide_verdict v)
{
	static const char *const names[] = { [GUIDE_HONOURED] = "honoured",
					     [GUIDE_IGNORED] = "ignored",
					     [GUIDE_REFUSED] = "refused" };
	return names[v];
}

/* Behind brackets and what is in them. */
static const char *skip_brackets(const char *at)
{
	while (*at == '[') {
		at += strcspn(at, "]");
		at += *at == ']';
	}
	return at;
}

/* How much of the entry's path `path` is: what is left of the entry, or NULL. */
static const char *rest_of(const char *entry, const char *path)
{
	for (;;) {
		entry = skip_brackets(entry);
		path = skip_brackets(path);
		if (!*path)
			return entry;
		if (*entry != *path)
			return NULL;
		entry++;
		path++;
	}
}

const struct guide_entry *guide_find(const char *path)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		const char *rest = rest_of(entries[i].path, path);
		if (rest && !*rest)
			return &entries[i];
	}
	return NULL;
}

bool guide_is_below(const struct guide_entry *entry, const char *path)
{
	const char *rest = rest_of(entry->path, path);
	return rest && (!*rest || *rest == '.');
}

/* The spec of a pod is a pod's wherever it stands. */
static const struct place {
	const char *kind, *prefix, *becomes;
} places[] = {
	{ "CronJob", "spec.jobTemplate.spec.template.spec", "pod.spec" },
	{ "CronJob", "spec.jobTemplate.spec.template.metadata", "template.metadata" },
	{ "Job", "spec.template.spec", "pod.spec" },
	{ "Job", "spec.template.metadata", "template.metadata" },
	{ "Deployment", "spec.template.spec", "pod.spec" },
	{ "Deployment", "spec.template.metadata", "template.metadata" },
	{ "DaemonSet", "spec.template.spec", "pod.spec" },
	{ "DaemonSet", "spec.template.metadata", "template.metadata" },
};

enum { PLACES = sizeof places / sizeof *places };

static void translate(const char *kind, const char *path, char out[PATH_MAX_BYTES])
{
	for (size_t i = 0; i < PLACES; i++) {
		size_t n = strlen(places[i].prefix);
		if (strcmp(kind, places[i].kind) != 0 || strncmp(path, places[i].prefix, n) != 0)
			continue;
		snprintf(out, PATH_MAX_BYTES, "%s%s", places[i].becomes, path + n);
		return;
	}
	snprintf(out, PATH_MAX_BYTES, "%s%s%s", kind, *path ? "." : "", path);
	for (char *c = out; c < out + strlen(kind); c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
}

/* Init containers have a container's fields, beside those of their own. */
static bool as_container(const char *translated, char out[PATH_MAX_BYTES])
{
	static const char init[] = "pod.spec.initContainers[";
	if (strncmp(translated, init, sizeof init - 1) != 0)
		return false;
	snprintf(out, PATH_MAX_BYTES, "pod.spec.containers[%s", translated + sizeof init - 1);
	return true;
}

const struct guide_entry *guide_of_document(const char *kind, const char *path)
{
	char translated[PATH_MAX_BYTES], container[PATH_MAX_BYTES];
	translate(kind, path, translated);
	const struct guide_entry *found = guide_find(translated);
	return !found && as_container(translated, container) ? guide_find(container) : found;
}

static bool has_parts(const char *path)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		const char *rest = rest_of(entries[i].path, path);
		if (rest && *rest == '.')
			return true;
	}
	return false;
}

bool guide_has_parts(const char *kind, const char *path)
{
	char translated[PATH_MAX_BYTES], container[PATH_MAX_BYTES];
	const size_t n = strlen(path);
	for (size_t i = 0; i < PLACES; i++)
		if (strcmp(kind, places[i].kind) == 0 && strncmp(path, places[i].prefix, n) == 0 &&
		    places[i].prefix[n] == '.')
			return true;
	translate(kind, path, translated);
	return has_parts(translated) ||
	       (as_container(translated, container) && has_parts(container));
}
