# SPDX-License-Identifier: Apache-2.0
# The chart, without a cluster. Included by tests.mk.
.PHONY: check-helm manifests golden
check-helm:
	$(Q)tests/helm/run $(ARGS)

# What is rendered from the chart and kept beside it.
manifests golden:
	@mkdir -p tests/helm/golden
	$(Q)hack/render $@ $(if $(filter golden,$@),tests/helm/golden,manifests)
